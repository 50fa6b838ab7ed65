"""Amounts as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gemtap.units import format_size, parse_age, parse_size


@pytest.mark.parametrize(
    ("text", "length"),
    [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)), ("2w", timedelta(days=14)), ("1y", timedelta(365))],
)
def test_ages(text: str, length: timedelta) -> None:
    """Valid ages are parsed."""
    assert parse_age(text) == length


@pytest.mark.parametrize("text", ["", "90", "d", "1.5d", "-1d", "9999999y", "1x", "٣d"])
def test_what_is_no_age(text: str) -> None:
    """Invalid ages are rejected."""
    with pytest.raises(ValueError, match="must be like 90d"):
        parse_age(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("5GB", 5 * 10**9), ("5gb", 5 * 10**9), ("4 GiB", 4 * 2**30), ("1.5MB", 1_500_000), ("0B", 0), ("7B", 7)],
)
def test_sizes(text: str, count: int) -> None:
    """Valid sizes are parsed."""
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "5", "0", "5 apples", "-5GB", "1e9", "5PB"])
def test_what_is_no_size(text: str) -> None:
    """Invalid sizes are rejected."""
    with pytest.raises(ValueError, match="must be like 5GB"):
        parse_size(text)


def test_sizes_for_people() -> None:
    """Sizes are formatted for people."""
    assert [format_size(count) for count in (0, 999, 1_500, 2_000_000, 3 * 10**9, 4 * 10**12)] == [
        *("0 B", "999 B", "1.5 kB", "2.0 MB", "3.0 GB", "4.0 TB")
    ]
