"""Computes statistics from the cached days of a store and its other interactions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from gemtap.stores.base import IntervalTooFine
from gemtap.stores.query.filter import Filter
from gemtap.stores.statistics import Bucket, By, Grouping, Part, StatRow, ToolRow
from gemtap.stores.statistics.aggregate import rows_of
from gemtap.stores.statistics.cache import Span, Split, bounds, runs, split, unpack
from gemtap.stores.statistics.tools import tool_rows

_DAYS_AT_ONCE: Final = 7
"""Number of days counted and cached at a time: SQLite cannot write anything else during that time."""

MOST_MINUTES: Final = timedelta(days=2)
"""The longest period that is counted by the minute."""


class Counts(Protocol):
    """What a store counts and caches."""

    async def times(self) -> tuple[datetime | None, datetime | None]:
        """Timestamps of the oldest and the newest interaction."""
        ...

    async def count(self, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        """Count the matching interactions, by minute, hour or day as the bucket requires."""
        ...

    async def kept(self, span: Span, bucket: Bucket | None, by: Grouping | None) -> Mapping[datetime, bytes]:
        """The valid cached days of this `cache.VERSION`, each as `cache.pack` returned it."""
        ...

    async def count_to_keep(self, span: Span, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        """Count these days, and cache the result for this `cache.VERSION` until one of their interactions changes."""
        ...


async def statistics(counts: Counts, where: Filter, bucket: Bucket | None, by: By | None) -> list[StatRow]:
    """See `stores.base.Store.statistics`."""
    parts = await _parts(counts, where, bucket, by)
    return await asyncio.to_thread(rows_of, parts, bucket)


async def tool_statistics(counts: Counts, where: Filter) -> Sequence[ToolRow]:
    """See `stores.base.Store.tools`."""
    parts = await _parts(counts, where, None, "tool")
    return await asyncio.to_thread(tool_rows, parts)


async def _parts(counts: Counts, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
    """The parts of all matching interactions: those of cached days, and what is counted now."""
    oldest, newest = await counts.times()
    if bucket == "minute":
        _check_minutes(where, oldest, newest)
        # Days are not cached by the minute: they would be as large as the interactions.
        asked = Split(None, (where,))
    else:
        asked = split(where, oldest, newest)
    parts: list[Part] = []
    for each in asked.rest:
        parts += await counts.count(each, bucket, by)
    if asked.days is not None:
        kept = await counts.kept(asked.days, bucket, by)
        for span in runs((day for day in asked.days if day not in kept), longest=_DAYS_AT_ONCE):
            parts += await counts.count_to_keep(span, bucket, by)
        parts += await asyncio.to_thread(_unpacked, kept)
    return parts


def _check_minutes(where: Filter, oldest: datetime | None, newest: datetime | None) -> None:
    """Raise IntervalTooFine if the period of the filter, as far as there is data, is too long for minutes."""
    since, until, _ = bounds(where)
    if oldest is None or newest is None:
        return
    if min(until or newest, newest) - max(since or oldest, oldest) > MOST_MINUTES:
        raise IntervalTooFine(MOST_MINUTES)


def _unpacked(kept: Mapping[datetime, bytes]) -> list[Part]:
    return [part for day, packed in kept.items() for part in unpack(day, packed)]
