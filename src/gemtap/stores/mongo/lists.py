"""Lists: which interactions match, from indexes, and then their rows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.facets import COUNTED, FACETS, Facets, facets_of
from gemtap.stores.mongo.choosing import choose_index
from gemtap.stores.mongo.conditions import PATHS
from gemtap.stores.mongo.hinting import Index, aggregate, find
from gemtap.stores.mongo.queries import (
    AS_RECORDED,
    AT_ANY_TIME,
    LISTED,
    OLDEST_FIRST,
    SORTS,
    index_for,
    is_listed,
    selection,
    times_after,
)
from gemtap.stores.mongo.rows import Rows
from gemtap.stores.place import Order, Place, place_of
from gemtap.stores.query.filter import Filter
from gemtap.stores.sorting import UNKNOWN, SortedPlace, SortKey

_LOOKED_UP: Final = 1_000
"""Number of matches that are counted for facets if each has to be looked up."""


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

    async def read_sorted(
        self, where: Filter, by: SortKey, after: SortedPlace | None, limit: int
    ) -> list[dict[str, Any]]:
        """What matches, by a number, greatest first, from just after a place: found in the index `LISTED` alone."""
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            wanted = limit - len(found)
            places = await self._sorted_places(where, by, after, wanted)
            found += await self._rows.read(
                [each.place.id for each in places], [each.place.timestamp for each in places]
            )
            if len(places) < wanted:
                break
            after = places[-1]
        return found

    async def facets(self, where: Filter) -> Facets:
        """Values of the newest matches, counted: read from indexes alone, unless the filter needs documents."""
        paths = [PATHS[name] for name in FACETS]
        if is_listed(where) and await self._index(where, "newest") in (LISTED, index_for(Filter())):
            sort = {name: -direction for name, direction in OLDEST_FIRST}
            key = {name: {"$ifNull": [f"${path}", None]} for name, path in zip(FACETS, paths, strict=True)}
            matching = {"$match": {"$and": [selection(where), AT_ANY_TIME]}}
            count = {"$group": {"_id": key, "count": {"$sum": 1}}}
            newest: list[dict[str, Any]] = [matching, {"$sort": sort}, {"$limit": COUNTED}, count]
            groups = await aggregate(self._interactions, newest, LISTED)
            return facets_of(
                row for group in groups for row in repeat([group["_id"].get(name) for name in FACETS], group["count"])
            )
        places = await self._places(where, "newest", None, _LOOKED_UP)
        found = await find(
            self._interactions,
            {
                "timestamp": {"$in": list({place.timestamp for place in places})},
                "_id": {"$in": [place.id for place in places]},
            },
            {"_id": 1, **dict.fromkeys(paths, 1)},
            index=LISTED,
        )
        return facets_of([_at(document, path) for path in paths] for document in found)

    async def _sorted_places(
        self, where: Filter, by: SortKey, after: SortedPlace | None, limit: int
    ) -> list[SortedPlace]:
        stages: list[dict[str, Any]] = [
            {"$match": {"$and": [selection(where), AT_ANY_TIME]}},
            {"$project": {"timestamp": 1, "value": {"$ifNull": [f"${PATHS[by]}", UNKNOWN]}}},
        ]
        if after is not None:
            value, (timestamp, id_) = after
            beyond: list[dict[str, Any]] = [
                {"value": {"$lt": value}},
                {"value": value, "timestamp": {"$lt": timestamp}},
                {"value": value, "timestamp": timestamp, "_id": {"$lt": id_}},
            ]
            stages.append({"$match": {"$or": beyond}})
        stages += [{"$sort": {"value": -1, "timestamp": -1, "_id": -1}}, {"$limit": limit}]
        found = await aggregate(self._interactions, stages, LISTED)
        return [SortedPlace(each["value"], place_of(each)) for each in found]

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


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
