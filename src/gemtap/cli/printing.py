"""What commands print: recorded text that a terminal cannot obey, and JSON for programs."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from gemtap.control_chars import CONTROL_CHARS, show_control_chars

_WIDE: Final = 240
"""Columns where a program reads the output, or a file takes it."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        _end_quietly()


def console() -> Console:
    """Standard output, in colours where it is a terminal, and wide enough for a program that reads it elsewhere."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every locale can write what models say
    return _Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


@contextmanager
def paged() -> Iterator[Console]:
    """Standard output through a pager, where it is a terminal: `PAGER`, or `less`; `cat` is none."""
    out = console()
    if not sys.stdout.isatty():
        yield out
        return
    # Colours as they are, nothing cleared, and no pager for what fits: unless somebody wants it otherwise.
    os.environ.setdefault("LESS", "-FRX")
    with out.pager(styles=True):
        yield out


def harmless(text: str, style: str = "") -> Text:
    """The text with its control characters made visible: they could move the cursor, or set the window's title."""
    return Text(show_control_chars(text), style=style)


def one_line(text: str | None, longest: int = 60) -> Text:
    """The text's beginning in one line."""
    words = " ".join((text or "").split())
    return harmless(words if len(words) <= longest else words[: longest - 1] + "…")


def in_short(count: float) -> str:
    """A count in few characters: `1.2M`."""
    for unit in ("", "k", "M", "G"):
        if count < 1000:
            return f"{count:.1f}{unit}" if unit and count < 100 else f"{count:.0f}{unit}"
        count /= 1000
    return f"{count:.0f}T"


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that reads back as the same value, and in which nothing that a terminal would obey stands as it is."""
    # Such characters can only be inside of strings, where an escape means the same.
    return CONTROL_CHARS.sub(_escaped, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def print_json(value: Any) -> None:
    """Print a value as one line of JSON in UTF-8, whatever the locale: that is what JSON is."""
    print_bytes(as_json(value).encode("utf-8") + b"\n")


def print_bytes(content: bytes) -> None:
    """Print bytes as they are, at once."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _end_quietly()


def _end_quietly() -> NoReturn:
    """End well, for whoever read this has enough: `gemtap ls | head` is no error, which typer takes it for."""
    # What is still to be flushed at exit needs a place to go: https://docs.python.org/3/library/signal.html
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
