"""Statistics out of the parts that a store counts: added up by bucket and key, and their percentiles taken."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import cast

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


class _Tally:
    """Parts added up."""

    __slots__ = ("cost", "counts", "durations", "first_bytes")

    def __init__(self) -> None:
        self.counts: Sequence[int] = [0] * len(COUNTS)
        self.cost = 0.0
        self.durations: list[bytes] = []
        self.first_bytes: list[bytes] = []

    def add(self, part: Part) -> None:
        self.counts = [a + b for a, b in zip(self.counts, part.counts, strict=True)]
        self.cost += part.cost
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
            "duration_ms": percentiles(b"".join(self.durations)),
            "first_byte_ms": percentiles(b"".join(self.first_bytes)),
            "context": cast(ContextSums, {name: count[name] for name in CONTEXT}),
        }


def rows_of(parts: Iterable[Part], bucket: Bucket | None) -> list[StatRow]:
    """The rows that parts amount to: by bucket, and within one the key with the most requests first."""
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
    """Where the bucket begins that a moment (UTC) belongs to."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    match bucket:
        case "hour":
            return hour
        case "day":
            return hour.replace(hour=0)
        case "week":
            return hour.replace(hour=0) - timedelta(days=hour.weekday())
        case "month":
            return hour.replace(hour=0, day=1)


def percentiles(values: bytes) -> Percentiles:
    """The percentiles of an `array('f')`."""
    ordered = sorted(array("f", values))
    if not ordered:
        return {"p50": None, "p95": None, "p99": None}
    p50, p95, p99 = (round(ordered[ceil(len(ordered) * share / 100) - 1], 3) for share in (50, 95, 99))
    return {"p50": p50, "p95": p95, "p99": p99}
