"""Parts of statistics put together."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from math import ceil

import pytest

from gemtap.stores.statistics import COUNTS, Bucket, Part, floats
from gemtap.stores.statistics.aggregate import bucket_start, percentiles, rows_of


def ranked(values: list[float]) -> dict[str, float]:
    """Nearest rank, by the definition."""
    ordered = sorted(values)
    return {f"p{share}": ordered[ceil(share / 100 * len(ordered)) - 1] for share in (50, 95, 99)}


@pytest.mark.parametrize("parts", [1, 3, 365])
@pytest.mark.parametrize("count", [1, 2, 7, 1_000, 60_000])
def test_percentiles_are_those_of_all_values_however_they_are_divided(parts: int, count: int) -> None:
    """Percentiles do not depend on how values are divided into parts."""
    chance = random.Random(count + parts)
    # What the arrays can hold to the last digit.
    values = [round(chance.lognormvariate(8, 2) * 8) / 8 for _ in range(count)]
    divided = [floats(values[start::parts]) for start in range(parts)]
    assert percentiles(divided) == pytest.approx(ranked(values), rel=1e-7, abs=0.0005)


def test_percentiles_of_many_equal_values() -> None:
    """Percentiles of equal values are that value."""
    assert percentiles([floats([5.0] * 15_000), floats([5.0] * 15_000 + [9.0])]) == {"p50": 5.0, "p95": 5.0, "p99": 5.0}


def test_of_no_values_there_are_no_percentiles() -> None:
    """Percentiles of no values are None."""
    assert percentiles([]) == percentiles([b"", floats([None])]) == {"p50": None, "p95": None, "p99": None}


@pytest.mark.parametrize(
    ("bucket", "start"),
    [("hour", "2026-03-01T23"), ("day", "2026-03-01T00"), ("week", "2026-02-23T00"), ("month", "2026-03-01T00")],
)
def test_where_buckets_begin(bucket: Bucket, start: str) -> None:
    """A bucket begins at the start of its hour, day, week or month."""
    moment = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)  # a Sunday
    assert bucket_start(moment, bucket) == datetime.fromisoformat(f"{start}:00:00+00:00")


def test_rows_come_by_bucket_and_then_by_requests() -> None:
    """Rows are sorted by bucket, then by number of requests."""

    def part(day: int, key: str | None, requests: int) -> Part:
        return Part(day * 86_400_000, key, [requests] + [0] * (len(COUNTS) - 1), 0.0, 0.0, b"", b"")

    parts = [part(40, "a", 1), part(0, "a", 1), part(1, "b", 3), part(1, None, 2), part(2, "a", 1)]
    rows = [(row["bucket"] and row["bucket"].month, row["key"], row["requests"]) for row in rows_of(parts, "month")]
    assert rows == [
        (1, "b", 3),
        (1, None, 2),
        (1, "a", 2),
        (2, "a", 1),
    ]


@pytest.mark.parametrize("length", [0, len(COUNTS) - 1, len(COUNTS) + 1])
def test_a_part_with_other_counts_says_what_to_change(length: int) -> None:
    """After a change of `COUNTS`, the error names what has to follow: the stores' counting, or the version."""
    part = Part(0, "a", [1] * length, 0.0, 0.0, b"", b"")
    with pytest.raises(ValueError, match=f"{length} counts, and not these {len(COUNTS)}: requests.*VERSION"):
        rows_of([part], None)
