"""Numbers, times and values as pages show them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dashboard.filters import count, duration, folded, pretty


@pytest.mark.parametrize(("number", "shown"), [(None, ""), (0, "0"), (999, "999"), (1234567, "1\u202f234\u202f567")])
def test_counts_have_groups_of_three(number: int | None, shown: str) -> None:
    """Counts have thousands separators."""
    assert count(number) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, ""),
        (0, "0 ms"),
        (3.4, "3 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (1350, "1.35 s"),
        (9_994, "9.99 s"),
        (9_996, "10.0 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min 00 s"),
        (119_600, "2 min 00 s"),
        (125_000, "2 min 05 s"),
    ],
)
def test_durations_have_the_unit_that_fits(milliseconds: float | None, shown: str) -> None:
    """Rounding never gives `60.0 s` or `1 min 60 s`."""
    assert duration(milliseconds) == shown


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each), max_leaves=20))
def test_a_short_value_is_shown_whole(value: object) -> None:
    """A short value is shown whole."""
    shown = pretty(value)
    assert not shown.cut
    assert shown.text == value if isinstance(value, str) else json.loads(shown.text) == value


@pytest.mark.parametrize("value", ["a" * 101, ["a"] * 100, {"text": "a" * 1000}])
def test_a_long_value_is_cut(value: object) -> None:
    """A long value is truncated."""
    shown = pretty(value, longest=100)
    assert shown.cut
    assert len(shown.text) == 100


def test_a_value_of_exactly_the_length_is_not_cut() -> None:
    """A value of the maximum length is not truncated."""
    assert pretty("a" * 100, longest=100) == ("a" * 100, False)


@given(st.text(), st.integers(1, 5), st.integers(1, 50))
def test_a_folded_text_lacks_nothing(text: str, most: int, longest: int) -> None:
    """Its beginning and its rest are the text."""
    part = folded(text, most, longest)
    assert part.head + part.rest == text
    assert len(part.head) <= longest + longest // 2 or not part.rest


@pytest.mark.parametrize(
    ("text", "head", "more"),
    [
        ("a\n" * 24, "a\n" * 24, "0 more characters"),
        ("a\n" * 25, "a\n" * 16, "9 more lines"),
        ("a" * 3_000, "a" * 3_000, "0 more characters"),
        ("a" * 3_001, "a" * 2_000, "1\u202f001 more characters"),
    ],
)
def test_a_text_of_many_lines_or_long_ones_is_folded(text: str, head: str, more: str) -> None:
    """A little more than what is shown is not worth folding."""
    assert folded(text)[::2] == (head, more)
