"""What counts as a word."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.stores.query.words import LONGEST_WORD, is_sign, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("... --- =>", []),
        ("Connection refused!", ["connection", "refused"]),
        ("connection_refused", ["connection", "refused"]),
        ("src/app.py:12", ["src", "app", "py", "12"]),
        ("getUserName", ["getusername"]),
        ("don't", ["don", "t"]),
        ("a\nb\tc\0d", ["a", "b", "c", "d"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("Caf\u00e9 Cafe\u0301", ["caf\u00e9", "caf\u00e9"]),
        ("ﬁle \uff21\uff11", ["file", "a1"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("пример Пример", ["пример", "пример"]),
        ("errorエラーerror", ["error", "エ", "ラ", "ー", "error"]),
        ("连接", ["连", "接"]),
        ("연결", ["연", "결"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("x" * 100, ["x" * LONGEST_WORD]),
        ("\ud800a \ue000b \U0001f600c", ["a", "b", "c"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """Text is split into lower-case words of letters and digits."""
    assert words_of(text) == words


def test_signs_are_words_that_need_no_space() -> None:
    """Each character of a script without spaces is a word."""
    assert is_sign("接")
    assert not is_sign("a")
    assert not is_sign("é")


@given(st.text())
def test_a_word_of_any_text_is_one_word_and_fits_into_any_store(text: str) -> None:
    """Words of any text are words themselves, of limited length."""
    for word in words_of(text):
        assert words_of(word) == [word]
        assert 0 < len(word) <= LONGEST_WORD
        assert not set(word) & set(' \0"\ue000_')
        word.encode("utf-8")


@given(st.text(st.characters(codec="ascii")))
def test_words_of_ascii_are_runs_of_letters_and_digits(text: str) -> None:
    """Every other character is the end of a word."""
    assert words_of(text) == [word[:LONGEST_WORD] for word in re.findall("[a-z0-9]+", text.lower())]


@given(st.text(), st.text())
def test_texts_beside_each_other_have_the_words_of_both(one: str, other: str) -> None:
    """Two texts with a space between them have the words of both."""
    assert words_of(f"{one} . {other}") == words_of(one) + words_of(other)
