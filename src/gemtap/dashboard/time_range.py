"""The time that a page of statistics covers: its range, its interval, and where its axis begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from gemtap.stores.base import Filter, Store
from gemtap.stores.statistics import Bucket
from gemtap.stores.statistics.aggregate import bucket_start, buckets_between
from gemtap.stores.statistics.cache import bounds

Last = Literal["24h", "7d", "30d", "90d", "1y", "all"]

_LENGTHS: Final[dict[Last, timedelta | None]] = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
    "all": None,
}
_BUCKETS: Final[dict[Last, Bucket]] = {
    "24h": "hour",
    "7d": "day",
    "30d": "day",
    "90d": "day",
    "1y": "week",
    "all": "month",
}
_SPANS: Final[tuple[tuple[Bucket, timedelta], ...]] = (
    ("minute", timedelta(hours=2)),
    ("hour", timedelta(days=2)),
    ("day", timedelta(days=90)),
    ("week", timedelta(days=365)),
)
"""The time that the data may cover at most for each interval."""

_FINEST_FIRST: Final[tuple[Bucket, ...]] = get_args(Bucket)

_FEWEST_BARS: Final = 12
"""Buckets on the time axis at least."""

_WORD: Final = re.compile(r'(?:[^\s"]|"(?:\\.|[^"\\])*"?)+')
_TIMES: Final = ("since:", "until:", "time:", "-time:")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What a page covers."""

    last: Last
    bucket: Bucket
    since: datetime | None
    """A whole bucket begins here. None if the range has no beginning."""
    until: datetime
    begins: datetime | None
    """Where the time axis begins."""


async def time_range(store: Store, where: Filter, last: Last | None, bucket: Bucket | None, now: datetime) -> TimeRange:
    """The range that is shown, of the interactions that match the query.

    Without `last`, it is the period that the query names, or else a week, or a day while nothing older is recorded.
    Without `bucket`, the interval fits the time that has data.
    """
    since, until, _ = bounds(where)
    if last is None:
        last = "all" if since is not None or until is not None else await _enough(store, now)
    length = _LENGTHS[last]
    if length is not None:
        since = max(since, now - length) if since is not None else now - length
    until = min(until, now) if until is not None else now
    first = await _first(store, where & Filter(since=since))
    if bucket is None:
        bucket = _fitting(_BUCKETS[last], first, until)
    # Whole buckets only: a partial bucket would look like a quiet one.
    since = bucket_start(since, bucket) if since is not None else None
    return TimeRange(last, bucket, since, until, _begins(first, since, until, bucket))


def without_times(query: str) -> str:
    """A query without its conditions on the time."""
    return " ".join(word for word in _WORD.findall(query) if not word.lower().startswith(_TIMES))


async def _enough(store: Store, now: datetime) -> Last:
    older = await store.list(Filter(until=now - timedelta(days=1)), limit=1)
    return "7d" if older else "24h"


async def _first(store: Store, where: Filter) -> datetime | None:
    """The time of the first match; None if there is none."""
    found = await store.list(where, order="oldest", limit=1)
    moment: datetime | None = found[0]["timestamp"] if found else None
    return moment


def _fitting(widest: Bucket, first: datetime | None, until: datetime) -> Bucket:
    """The interval for a range: finer if the data covers only a part of it, such as the first day of recording."""
    if first is None:
        return widest
    finer: Bucket = next((bucket for bucket, most in _SPANS if until - first <= most), "month")
    return min(finer, widest, key=_FINEST_FIRST.index)


def _begins(first: datetime | None, since: datetime | None, until: datetime, bucket: Bucket) -> datetime | None:
    """Where the time axis begins: with the first interaction if most of the range is empty before it."""
    if first is None or (since is not None and (until - first) * 3 > until - since):
        return since
    begin, end = bucket_start(first, bucket), bucket_start(until, bucket)
    # A single bar as wide as the chart would look like a long time.
    for _ in range(_FEWEST_BARS):
        if len(buckets_between(begin, end, bucket)) >= _FEWEST_BARS:
            break
        begin = bucket_start(begin - timedelta(seconds=1), bucket)
    return begin
