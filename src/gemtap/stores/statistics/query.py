"""Computes statistics from the cached days of a store and its other interactions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from gemtap.stores.query.filter import Filter
from gemtap.stores.statistics import Bucket, By, Part, StatRow
from gemtap.stores.statistics.aggregate import rows_of
from gemtap.stores.statistics.cache import Span, runs, split, unpack

_DAYS_AT_ONCE: Final = 7
"""Number of days counted and cached at a time: SQLite cannot write anything else during that time."""


class Counts(Protocol):
    """What a store counts and caches."""

    async def times(self) -> tuple[datetime | None, datetime | None]:
        """Timestamps of the oldest and the newest interaction."""
        ...

    async def count(self, where: Filter, bucket: Bucket | None, by: By | None) -> list[Part]:
        """Count the matching interactions, by hour or day as the bucket requires."""
        ...

    async def kept(self, span: Span, bucket: Bucket | None, by: By | None) -> Mapping[datetime, bytes]:
        """The valid cached days of this `cache.VERSION`, each as `cache.pack` returned it."""
        ...

    async def count_to_keep(self, span: Span, bucket: Bucket | None, by: By | None) -> list[Part]:
        """Count these days, and cache the result for this `cache.VERSION` until one of their interactions changes."""
        ...


async def statistics(counts: Counts, where: Filter, bucket: Bucket | None, by: By | None) -> list[StatRow]:
    """See `stores.base.Store.statistics`."""
    asked = split(where, *await counts.times())
    parts: list[Part] = []
    for each in asked.rest:
        parts += await counts.count(each, bucket, by)
    if asked.days is not None:
        kept = await counts.kept(asked.days, bucket, by)
        for span in runs((day for day in asked.days if day not in kept), longest=_DAYS_AT_ONCE):
            parts += await counts.count_to_keep(span, bucket, by)
        parts += await asyncio.to_thread(_unpacked, kept)
    return await asyncio.to_thread(rows_of, parts, bucket)


def _unpacked(kept: Mapping[datetime, bytes]) -> list[Part]:
    return [part for day, packed in kept.items() for part in unpack(day, packed)]
