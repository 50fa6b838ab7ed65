"""Statistics out of what a store can count: the days that it keeps, and the interactions of all other times."""

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
"""Days that are counted in one go to be kept: it may be that nothing can be stored meanwhile."""


class Counts(Protocol):
    """What a store can count."""

    async def times(self) -> tuple[datetime | None, datetime | None]:
        """When the oldest and the newest interaction began."""
        ...

    async def count(self, where: Filter, bucket: Bucket | None, by: By | None) -> list[Part]:
        """What matches, interaction by interaction: of each hour or day apart, as the bucket wants it."""
        ...

    async def kept(self, span: Span, bucket: Bucket | None, by: By | None) -> Mapping[datetime, bytes]:
        """What `cache.pack` made of each day that is kept, by this `cache.VERSION`, and has not changed since."""
        ...

    async def count_to_keep(self, span: Span, bucket: Bucket | None, by: By | None) -> list[Part]:
        """Count these days and keep what they come to, by this `cache.VERSION`, until something changes in them."""
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
