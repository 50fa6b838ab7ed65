"""Lists: which interactions match, from indexes, and then their rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.base import Cursor, Filter
from gemtap.stores.mongo.choosing import choose_index
from gemtap.stores.mongo.hinting import find
from gemtap.stores.mongo.queries import (
    AS_RECORDED,
    NEWEST_FIRST,
    OLDEST_FIRST,
    selection,
    times_after,
)
from gemtap.stores.mongo.rows import Rows
from gemtap.stores.paging import from_milliseconds, milliseconds_up


class Lists:
    """Documents without bodies, in one order or another."""

    def __init__(self, interactions: AsyncCollection[Any], rows: Rows) -> None:
        self._interactions = interactions
        self._rows = rows

    async def newest(self, where: Filter, *, limit: int, after: Cursor | None) -> list[dict[str, Any]]:
        """What matches, newest first, from just after a place on."""
        return await self._in_order(where, limit=limit, after=after, newest_first=True)

    async def oldest(self, where: Filter, *, limit: int, after: Cursor | None) -> list[dict[str, Any]]:
        """What matches, oldest first, from just after a place on."""
        return await self._in_order(where, limit=limit, after=after, newest_first=False)

    async def recorded_since(self, moment: datetime, *, limit: int) -> list[dict[str, Any]]:
        """What was recorded at or after the moment, by (`recorded_at`, `_id`) ascending."""
        since = from_milliseconds(milliseconds_up(moment))
        found = self._interactions.find(
            {"recorded_at": {"$gte": since}}, {"_id": 1, "recorded_at": 1}, sort=AS_RECORDED, limit=limit
        )
        return await self._rows.read([document["_id"] async for document in found])

    async def newest_place(self, where: Filter) -> Cursor | None:
        """The place of the newest interaction that matches; None where none does."""
        for place in await self._places(where, limit=1, after=None, newest_first=True):
            return place
        return None

    async def _in_order(
        self, where: Filter, *, limit: int, after: Cursor | None, newest_first: bool
    ) -> list[dict[str, Any]]:
        """Fewer than `limit` say that there are no more, be it that what is deleted meanwhile has to be made up for."""
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            wanted = limit - len(found)
            places = await self._places(where, limit=wanted, after=after, newest_first=newest_first)
            found += await self._rows.read([place.id for place in places], [place.timestamp for place in places])
            if len(places) < wanted:
                break
            after = places[-1]
        return found

    async def _places(self, where: Filter, *, limit: int, after: Cursor | None, newest_first: bool) -> list[Cursor]:
        found: list[Cursor] = []
        index = await choose_index(self._interactions, where)
        for time in times_after(after, newest_first=newest_first):
            if len(found) < limit:
                documents = await find(
                    self._interactions,
                    {"$and": [selection(where), time]},
                    {"timestamp": 1},
                    sort=NEWEST_FIRST if newest_first else OLDEST_FIRST,
                    limit=limit - len(found),
                    index=index,
                )
                found += [Cursor(document["timestamp"], document["_id"]) for document in documents]
        return found
