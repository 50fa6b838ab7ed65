"""From text to the words that searches go by: the same for what is stored and for what is asked, in every store.

A word is a run of letters and digits, whatever its case: `getUserName` is one, `connection_refused` and `src/app.py`
are several in a row, and so they are found by the whole and by each. Scripts that put no spaces between words
(Chinese, Japanese, Korean, Thai, ...) are taken sign by sign, so that a search for several signs in a row finds them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

LONGEST_WORD: Final = 64
"""Characters of a word that count."""

_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")

_UNSPACED: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7af"  # Hangul: what is asked for stands there with particles at its end
    "]"
)


def words_of(text: str) -> list[str]:
    """The words, in order."""
    if text.isascii():
        return [word[:LONGEST_WORD] for word in _ASCII_WORD.findall(text.lower())]
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [word[:LONGEST_WORD] for word in _any_word().findall(_UNSPACED.sub(r" \g<0> ", folded))]


def is_sign(word: str) -> bool:
    """Whether it is a single sign of a script that puts no spaces between words."""
    return _UNSPACED.fullmatch(word) is not None


@cache
def _any_word() -> re.Pattern[str]:
    # `\w` knows letters and digits. Marks are parts of words too: vowels in Hindi, accents that stand by themselves.
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    return re.compile(f"(?:[^\\W_]|[{marks}])+")
