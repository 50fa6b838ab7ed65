"""Counts of the MongoDB store, see `gemtap.stores.statistics.query.Counts`.

`gemtap_days` has a counter for each day, which every writer increments before and after its writes. A cached day in
`gemtap_day_parts` is valid if it was counted at the present value of the counter. This needs no transactions, which a
standalone server does not have: a day counted during a write becomes invalid at its end, and a writer that dies in
between has not reported success, so that its records are written again.

The `_id` of a cached day is `{"version", "by", "day"}`: each version of Gemtap has its own. In the first versions it
was `{"day", "field"}`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import UpdateOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from gemtap.stores.base import Filter
from gemtap.stores.mongo.statistics import read_parts
from gemtap.stores.mongo.tools import read_tool_parts
from gemtap.stores.statistics import Bucket, Grouping, Part
from gemtap.stores.statistics.cache import VERSION, Span, by_day, kept_as, midnight, pack

DAYS: Final = "gemtap_days"
DAY_PARTS: Final = "gemtap_day_parts"

_UNVERSIONED: Final = "by_field"
"""Name of an index of the first versions."""

_LARGEST: Final = 15 * 1024 * 1024
"""Maximum size of a cached day, since a document has at most 16 MB. Larger days are counted each time."""


class MongoCounts:
    """Counts interactions, and caches days in two collections."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], interactions: AsyncCollection[Any]) -> None:
        self._interactions = interactions
        self._days = database[DAYS]
        self._parts = database[DAY_PARTS]

    async def create(self) -> None:
        """Create the index of cached days, and delete those of earlier versions."""
        await self._parts.create_index([("_id.version", 1), ("_id.by", 1), ("_id.day", 1)], name="by_version")
        if _UNVERSIONED in await self._parts.index_information():
            await self._parts.drop_index(_UNVERSIONED)
        # An earlier version that runs beside this one counts again what it needs.
        await self._parts.delete_many({"_id.version": {"$not": {"$gte": VERSION}}})

    @asynccontextmanager
    async def changing(self, moments: Iterable[datetime]) -> AsyncIterator[None]:
        """Wraps each change of interactions with these timestamps."""
        days = sorted({midnight(moment) for moment in moments})
        # It precedes the others in the server's log, so it is as durable as they are.
        await self._count_up(self._days.with_options(write_concern=WriteConcern(w=1)), days)
        yield
        await self._count_up(self._days, days)

    async def times(self) -> tuple[datetime | None, datetime | None]:
        """Timestamps of the oldest and the newest interaction."""
        return await self._end(1), await self._end(-1)

    async def count(self, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        """Count matching interactions, one day at a time."""
        return await self._read_parts(where, bucket, by)

    async def kept(self, span: Span, bucket: Bucket | None, by: Grouping | None) -> dict[datetime, bytes]:
        """The cached days of this version that are still valid."""
        changes = await self._changes(span)
        days = {"$gte": span.first, "$lt": span.end}
        found = self._parts.find({"_id.version": VERSION, "_id.by": kept_as(by, bucket), "_id.day": days})
        return {
            _utc(each["_id"]["day"]): each["parts"]
            async for each in found
            if each["changes"] == changes.get(_utc(each["_id"]["day"]), 0)
        }

    async def count_to_keep(self, span: Span, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        """Count these days and cache the result."""
        changes = await self._changes(span)
        parts = await self._read_parts(span.where, bucket or "day", by)
        packed = {day: pack(of_day) for day, of_day in by_day(span, parts).items()}
        try:
            await self._parts.bulk_write(
                [
                    UpdateOne(
                        {"_id": {"version": VERSION, "by": kept_as(by, bucket), "day": day}},
                        {"$set": {"changes": changes.get(day, 0), "parts": content}},
                        upsert=True,
                    )
                    for day, content in packed.items()
                    if len(content) <= _LARGEST
                ],
                ordered=False,
            )
        except OperationFailure:
            # A read-only user or a full disk: the result is returned without caching it.
            pass
        return parts

    async def _read_parts(self, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        if by == "tool":
            return await read_tool_parts(self._interactions, where)
        return await read_parts(self._interactions, where, bucket, by)

    async def _changes(self, span: Span) -> Mapping[datetime, int]:
        found = self._days.find({"_id": {"$gte": span.first, "$lt": span.end}})
        return {_utc(each["_id"]): each["changes"] async for each in found}

    async def _count_up(self, collection: AsyncCollection[Any], days: Iterable[datetime]) -> None:
        updates = [UpdateOne({"_id": day}, {"$inc": {"changes": 1}}, upsert=True) for day in days]
        if updates:
            await collection.bulk_write(updates, ordered=False)

    async def _end(self, direction: int) -> datetime | None:
        found = await self._interactions.find_one({}, {"timestamp": 1, "_id": 0}, sort=[("timestamp", direction)])
        return None if found is None else _utc(found["timestamp"])


def _utc(moment: datetime) -> datetime:
    """Some collections return naive datetimes in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
