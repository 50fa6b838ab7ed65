"""Recorded text on a terminal: it was written by models and strangers, and may only be read, never obeyed."""

from __future__ import annotations

import sys
import unicodedata

from rich.console import Console
from rich.text import Text


def console() -> Console:
    """Standard output, in colours where it is a terminal, and wide enough for a program that reads it elsewhere."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def harmless(text: str, style: str = "") -> Text:
    """The text with its control characters made visible: they could move the cursor, or set the window's title."""
    return Text("".join(char if char in "\n\t" or not _controls(char) else _shown(char) for char in text), style=style)


def one_line(text: str | None, longest: int = 60) -> Text:
    """The text's beginning in one line."""
    words = " ".join((text or "").split())
    return harmless(words if len(words) <= longest else words[: longest - 1] + "…")


def _controls(char: str) -> bool:
    # Cf: characters that change the direction of what follows, among others.
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _shown(char: str) -> str:
    return chr(0x2400 + ord(char)) if ord(char) < 0x20 else "\N{REPLACEMENT CHARACTER}"
