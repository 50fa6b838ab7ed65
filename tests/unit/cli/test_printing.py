"""What is printed of recorded text."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.cli.printing import as_json, harmless, one_line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=[])),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=10,
)


@given(JSON, st.sampled_from([None, 2]))
def test_json_reads_back_as_it_was_and_commands_no_terminal(value: Any, indent: int | None) -> None:
    """Printed JSON is valid, without control characters."""
    text = as_json(value, indent=indent)
    assert json.loads(text) == value
    assert not {char for char in text if unicodedata.category(char) in ("Cc", "Cs")} - {"\n"}
    text.encode("utf-8")


def test_json_keeps_the_letters_of_every_language() -> None:
    """Printed JSON keeps letters of all languages."""
    assert as_json({"é": "日本 👩‍🚀"}) == '{"é": "日本 👩‍🚀"}'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, ""),
        ("  two\n\nwords\t", "two words"),
        ("a" * 10, "a" * 10),
        ("a" * 11, "a" * 9 + "…"),
        ("\x1b[0m", "␛[0m"),
    ],
)
def test_one_line_is_the_beginning_in_one_line(text: str | None, line: str) -> None:
    """A long text is shortened to one line."""
    assert one_line(text, 10).plain == line


def test_markup_is_text() -> None:
    """Markup in texts is not interpreted."""
    assert harmless("[red]x[/red]", "green").plain == "[red]x[/red]"
