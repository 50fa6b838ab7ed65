"""What the MongoDB store can count: see `gemtap.stores.statistics.query.Counts`.

`gemtap_days` has a number for each day, which goes up before anything of that day is written and again after it. What
`gemtap_day_parts` keeps of a day is right if it was counted at the number that the day has now. So it needs no
transactions, which a server alone does not have: what was counted while somebody wrote counts no longer when they are
done, and whoever dies in between has not said yet that it is stored, and comes again.

The `_id` of a kept part is `{"version", "by", "day"}`, so that each version of Gemtap keeps its own. Before there were
versions it was `{"day", "field"}`.
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
from gemtap.stores.statistics import Bucket, By, Part
from gemtap.stores.statistics.cache import VERSION, Span, by_day, kept_as, midnight, pack

DAYS: Final = "gemtap_days"
DAY_PARTS: Final = "gemtap_day_parts"

_UNVERSIONED: Final = "by_field"
"""The name of an index from before there were versions."""

_LARGEST: Final = 15 * 1024 * 1024
"""Bytes of a day that can be kept: a document takes 16 MB. A larger one is counted each time."""


class MongoCounts:
    """Counts in the collection of the interactions, and keeps in two of its own."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], interactions: AsyncCollection[Any]) -> None:
        self._interactions = interactions
        self._days = database[DAYS]
        self._parts = database[DAY_PARTS]

    async def create(self) -> None:
        """Make the index that the kept parts are found by, and delete what earlier versions have kept."""
        await self._parts.create_index([("_id.version", 1), ("_id.by", 1), ("_id.day", 1)], name="by_version")
        if _UNVERSIONED in await self._parts.index_information():
            await self._parts.drop_index(_UNVERSIONED)
        # An earlier version that runs beside this one counts once more what it needs.
        await self._parts.delete_many({"_id.version": {"$not": {"$gte": VERSION}}})

    @asynccontextmanager
    async def changing(self, moments: Iterable[datetime]) -> AsyncIterator[None]:
        """Around whatever stores, replaces or deletes interactions that began at these moments."""
        days = sorted({midnight(moment) for moment in moments})
        # This write goes before the others in the log of the server, and so it is as lasting as they are.
        await self._count_up(self._days.with_options(write_concern=WriteConcern(w=1)), days)
        yield
        await self._count_up(self._days, days)

    async def times(self) -> tuple[datetime | None, datetime | None]:
        """When the oldest and the newest interaction began."""
        return await self._end(1), await self._end(-1)

    async def count(self, where: Filter, bucket: Bucket | None, by: By | None) -> list[Part]:
        """What matches, a day at a time."""
        return await read_parts(self._interactions, where, bucket, by)

    async def kept(self, span: Span, bucket: Bucket | None, by: By | None) -> dict[datetime, bytes]:
        """What this version has kept of the days since the last change."""
        changes = await self._changes(span)
        days = {"$gte": span.first, "$lt": span.end}
        found = self._parts.find({"_id.version": VERSION, "_id.by": kept_as(by, bucket), "_id.day": days})
        return {
            _utc(each["_id"]["day"]): each["parts"]
            async for each in found
            if each["changes"] == changes.get(_utc(each["_id"]["day"]), 0)
        }

    async def count_to_keep(self, span: Span, bucket: Bucket | None, by: By | None) -> list[Part]:
        """Count these days and keep what they come to."""
        changes = await self._changes(span)
        parts = await read_parts(self._interactions, span.where, bucket or "day", by)
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
            # A user who may only read, or a full disk: it is counted all the same.
            pass
        return parts

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
    """Collections differ in whether they say that their times are UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
