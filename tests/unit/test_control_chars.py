"""Recorded text, made harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.control_chars import show_control_chars


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nin lines\r\n", "plain\ttext\nin lines\r\n"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("over\rwritten", "over␍written"),
        ("\x7f\x9b2J", "␡⟨U+009B⟩2J"),
        ("evil\u202egnp.exe", "evil⟨U+202E⟩gnp.exe"),
        ("\U000e0068\U000e0069", "⟨U+E0068⟩⟨U+E0069⟩"),
        ("half \ud800", "half ⟨U+D800⟩"),
        ("👩\u200d🚀 می\u200cخواهم שלום", "👩\u200d🚀 می\u200cخواهم שלום"),
    ],
)
def test_what_does_something_unseen_is_seen(text: str, shown: str) -> None:
    """Control characters are made visible."""
    assert show_control_chars(text) == shown


@given(st.text())
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    """No control sequence remains in any text."""
    left = show_control_chars(text).replace("\r\n", "\n")
    assert not {char for char in left if unicodedata.category(char) in ("Cc", "Cs")} - {"\n", "\t"}
    left.encode("utf-8")
