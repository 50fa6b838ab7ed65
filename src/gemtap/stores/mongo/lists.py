"""Lists: which interactions match, from indexes, and then their rows."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.mongo.choosing import choose_index
from gemtap.stores.mongo.hinting import Index, find
from gemtap.stores.mongo.queries import AS_RECORDED, SORTS, selection, times_after
from gemtap.stores.mongo.rows import Rows
from gemtap.stores.place import Order, Place, place_of
from gemtap.stores.query.filter import Filter


class Lists:
    """Reads documents without bodies."""

    def __init__(self, interactions: AsyncCollection[Any], rows: Rows) -> None:
        self._interactions = interactions
        self._rows = rows

    async def read(self, where: Filter, order: Order, after: Place | None, limit: int) -> list[dict[str, Any]]:
        """What matches, in this order, from just after a place.

        Fewer than `limit` mean that there are no more, even if some were deleted while this read.
        """
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            wanted = limit - len(found)
            places = await self._places(where, order, after, wanted)
            moments = None if order == "recorded" else [place.timestamp for place in places]
            found += await self._rows.read([place.id for place in places], moments)
            if len(places) < wanted:
                break
            after = places[-1]
        return found

    async def newest_place(self, where: Filter) -> Place | None:
        """The place of the newest interaction that matches, or None."""
        places = await self._places(where, "newest", None, 1)
        return places[0] if places else None

    async def _places(self, where: Filter, order: Order, after: Place | None, limit: int) -> list[Place]:
        sort = SORTS[order]
        time = sort[0][0]
        index = await self._index(where, order)
        found: list[Place] = []
        for times in times_after(after, order):
            if len(found) < limit:
                documents = await find(
                    self._interactions,
                    {"$and": [selection(where), times]},
                    {time: 1},
                    sort=sort,
                    limit=limit - len(found),
                    index=index,
                )
                found += [place_of(document, order) for document in documents]
        return found

    async def _index(self, where: Filter, order: Order) -> Index | None:
        if order == "recorded":
            return AS_RECORDED if not where.terms else None
        return await choose_index(self._interactions, where)
