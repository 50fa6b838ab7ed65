"""Adds up parts by bucket and key, and computes percentiles."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from math import ceil
from typing import Final, cast

from gemtap.stores.paging import from_milliseconds
from gemtap.stores.statistics import (
    CONTEXT,
    COUNTS,
    TOKENS,
    Bucket,
    ContextSums,
    Part,
    Percentiles,
    StatRow,
    TokenSums,
)

_FEW: Final = 20_000
"""Values."""

_LENGTHS: Final[Mapping[Bucket, timedelta]] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


class _Tally:
    """The sum of parts."""

    __slots__ = ("cache_saved", "cost", "counts", "durations", "first_bytes")

    def __init__(self) -> None:
        self.counts: Sequence[int] = [0] * len(COUNTS)
        self.cost = 0.0
        self.cache_saved = 0.0
        self.durations: list[bytes] = []
        self.first_bytes: list[bytes] = []

    def add(self, part: Part) -> None:
        """Add a part. Raises ValueError if it does not have the counts of `COUNTS`."""
        if len(part.counts) != len(COUNTS):
            raise ValueError(
                f"A part of the statistics has {len(part.counts)} counts, and not these {len(COUNTS)}: "
                f"{', '.join(COUNTS)}. If a store counted it, its `read_parts` has to count each of them in this "
                "order. If it is the part of a cached day, `COUNTS` has changed: raise `statistics.cache.VERSION`, and "
                "days cached by other versions are counted again."
            )
        self.counts = [a + b for a, b in zip(self.counts, part.counts, strict=True)]
        self.cost += part.cost
        self.cache_saved += part.cache_saved
        self.durations.append(part.durations)
        self.first_bytes.append(part.first_bytes)

    def row(self, bucket: datetime | None, key: str | None) -> StatRow:
        count = dict(zip(COUNTS, self.counts, strict=True))
        return {
            "bucket": bucket,
            "key": key,
            "requests": count["requests"],
            "errors": count["errors"],
            "tokens": cast(TokenSums, {name: count[name] for name in TOKENS}),
            "cost": self.cost if count["priced"] else None,
            "priced": count["priced"],
            "cache_saved": self.cache_saved,
            "duration_ms": percentiles(self.durations),
            "first_byte_ms": percentiles(self.first_bytes),
            "context": cast(ContextSums, {name: count[name] for name in CONTEXT}),
        }


def rows_of(parts: Iterable[Part], bucket: Bucket | None) -> list[StatRow]:
    """The rows of these parts, sorted by bucket and then by number of requests, most first."""
    tallies: dict[tuple[datetime | None, str | None], _Tally] = {}
    starts: dict[int, datetime | None] = {}
    for part in parts:
        if part.start not in starts:
            starts[part.start] = None if bucket is None else bucket_start(from_milliseconds(part.start), bucket)
        place = starts[part.start], part.key
        tally = tallies.get(place)
        if tally is None:
            tally = tallies[place] = _Tally()
        tally.add(part)
    rows = [tally.row(start, key) for (start, key), tally in tallies.items()]
    rows.sort(key=lambda row: (row["bucket"] and row["bucket"].timestamp(), -row["requests"], row["key"] or ""))
    return rows


def bucket_start(moment: datetime, bucket: Bucket) -> datetime:
    """Start of the bucket that contains a time (UTC)."""
    minute = moment.replace(second=0, microsecond=0)
    hour = minute.replace(minute=0)
    match bucket:
        case "minute":
            return minute
        case "hour":
            return hour
        case "day":
            return hour.replace(hour=0)
        case "week":
            return hour.replace(hour=0) - timedelta(days=hour.weekday())
        case "month":
            return hour.replace(hour=0, day=1)


def buckets_between(first: datetime, last: datetime, bucket: Bucket) -> list[datetime]:
    """Start of every bucket from one up to and including another, empty ones too."""
    found = [first]
    while found[-1] < last:
        found.append(after(found[-1], bucket))
    return found


def after(start: datetime, bucket: Bucket) -> datetime:
    """The start of the next bucket."""
    # 31 days after the first of a month is in the next month.
    return bucket_start(start + _LENGTHS.get(bucket, timedelta(days=31)), bucket)


def percentiles(parts: Sequence[bytes]) -> Percentiles:
    """The percentiles of all values of the parts, each in the format of `statistics.floats`."""
    known = [array("I", part) for part in parts if part]
    count = sum(map(len, known))
    if not count:
        return {"p50": None, "p95": None, "p99": None}
    # A single part is sorted. Sorting a few values is fast; for many, bisection is faster.
    ordered: Sequence[int] | None = None
    if len(known) == 1:
        ordered = known[0]
    elif count <= _FEW:
        ordered = sorted(chain.from_iterable(known))
    ranks = [ceil(count * share / 100) for share in (50, 95, 99)]
    bits = [ordered[rank - 1] if ordered else _of_rank(known, rank) for rank in ranks]
    p50, p95, p99 = (round(value, 3) for value in array("f", array("I", bits).tobytes()))
    return {"p50": p50, "p95": p95, "p99": p99}


def _of_rank(parts: Sequence[array[int]], rank: int) -> int:
    """The value of this rank among all values of the sorted parts, found by bisection. The smallest has rank 1."""
    low, high = min(part[0] for part in parts), max(part[-1] for part in parts)
    while low < high:
        middle = (low + high) // 2
        if sum(bisect_right(part, middle) for part in parts) >= rank:
            high = middle
        else:
            low = middle + 1
    return low
