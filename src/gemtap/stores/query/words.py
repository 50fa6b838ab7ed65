"""Splits text into words for searches, equally for stored texts and queries, in every store.

A word is a sequence of letters and digits. Case is ignored. `getUserName` is one word; `connection_refused` and
`src/app.py` are several words in a row, found as a whole and by each word. In scripts without spaces between words
(Chinese, Japanese, Korean, Thai, ...) every character is a word, so that a phrase finds any part of a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

LONGEST_WORD: Final = 64
"""Number of characters of a word that are significant."""

_ASCII_SIGNS: Final = str.maketrans({code: " " for code in range(128) if not chr(code).isalnum()})

_UNSPACED: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7af"  # Hangul: written with spaces, but words have particles appended
    "]"
)


def words_of(text: str) -> list[str]:
    """The words of the text, in order."""
    if text.isascii():
        # Half the time of a regular expression.
        words = text.lower().translate(_ASCII_SIGNS).split()
        return words if max(map(len, words), default=0) <= LONGEST_WORD else [word[:LONGEST_WORD] for word in words]
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [word[:LONGEST_WORD] for word in _any_word().findall(_UNSPACED.sub(r" \g<0> ", folded))]


def spans_of(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of the text, each with where it begins and ends in the text as it is."""
    for match in _any_word().finditer(text):
        begin = match.start()
        # Folding may change the length of a word, or make several of it; they all have its place.
        for piece in _cut(match[0]):
            yield from ((word, begin, begin + len(piece)) for word in words_of(piece))
            begin += len(piece)


def _cut(run: str) -> list[str]:
    """A run of letters, cut around each character of a script without spaces."""
    return [piece for piece in re.split(f"({_UNSPACED.pattern})", run) if piece]


def is_sign(word: str) -> bool:
    """Whether the word is a single character of a script without spaces between words."""
    return _UNSPACED.fullmatch(word) is not None


@cache
def _any_word() -> re.Pattern[str]:
    # `\w` matches letters and digits. Marks belong to words too: vowels in Hindi, combining accents.
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    return re.compile(f"(?:[^\\W_]|[{marks}])+")
