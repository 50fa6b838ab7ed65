"""Recorded text as it may be shown: it was written by models and strangers, and may only be read, never obeyed."""

from __future__ import annotations

import re
from typing import Final

CONTROL_CHARS: Final = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # they move a terminal's cursor, or set its window's title
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn round the direction of what follows
    "\u00ad\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"  # a second, invisible ASCII, in which prompts have been hidden
    "\ud800-\udfff"  # halves of a pair, which no encoding can write
    "]|\r(?!\n)"
)
"""Characters that do something without being seen. The joiners stay: emoji and several scripts need them."""


def show_control_chars(text: str) -> str:
    """The text with each character that does something unseen made visible; tabs and ends of lines stay."""
    return CONTROL_CHARS.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"⟨U+{code:04X}⟩"
