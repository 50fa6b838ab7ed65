"""Counts the tools that interactions use, one day at a time, from indexes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.base import Filter
from gemtap.stores.mongo.hinting import find
from gemtap.stores.mongo.queries import AT_ANY_TIME, HAS_TOOLS, LISTED, WITH_TOOLS, is_listed, selection
from gemtap.stores.paging import milliseconds
from gemtap.stores.statistics import Part
from gemtap.stores.statistics.cache import DAY, bounds, midnight
from gemtap.stores.statistics.tools import Brought, parts_of

_FIELDS: Final = {"timestamp": 1, "tool_use": 1, "thread.parent": 1, "error.message": 1, "cost.usd": 1}
_ENDS: Final = {"timestamp": 1, "request_duration_ms": 1}

_BEFORE: Final = timedelta(hours=1)
"""Nearly every turn continues one that is not much older. Others are looked up by their ids."""


async def read_tool_parts(interactions: AsyncCollection[Any], where: Filter) -> list[Part]:
    """The parts of the matching interactions, see `statistics.tools`."""
    since, until, is_exact = bounds(where)
    if not is_exact:
        return await _matching_parts(interactions, where)
    parts: list[Part] = []
    day = await _day_of_first(interactions, since, until)
    while day is not None:
        start = day if since is None else max(day, since)
        end = day + DAY if until is None else min(day + DAY, until)
        found = await find(interactions, _between(start, end), _FIELDS, index=WITH_TOOLS)
        parts += await _parts(interactions, found, day)
        day = await _day_of_first(interactions, day + DAY, until)
    return parts


async def _matching_parts(interactions: AsyncCollection[Any], where: Filter) -> list[Part]:
    """The same for a filter with other conditions than times: `WITH_TOOLS` lacks their fields."""
    index = LISTED if is_listed(where) else None
    matching = await find(interactions, {"$and": [selection(where), AT_ANY_TIME]}, {"timestamp": 1}, index=index)
    ids = {each["_id"] for each in matching}
    parts: list[Part] = []
    for day in sorted({midnight(each["timestamp"]) for each in matching}):
        found = await find(interactions, _between(day, day + DAY), _FIELDS, index=WITH_TOOLS)
        parts += await _parts(interactions, [each for each in found if each["_id"] in ids], day)
    return parts


async def _parts(interactions: AsyncCollection[Any], found: Sequence[Mapping[str, Any]], day: datetime) -> list[Part]:
    ends = await _ends(interactions, found, day)
    return parts_of(_brought(each, ends) for each in found)


def _between(start: datetime | None, end: datetime | None) -> dict[str, Any]:
    """Interactions with tools within a period; without its end."""
    times = {name: moment for name, moment in (("$gte", start), ("$lt", end)) if moment is not None}
    return {**HAS_TOOLS, **({"timestamp": times} if times else {})}


async def _day_of_first(
    interactions: AsyncCollection[Any], since: datetime | None, until: datetime | None
) -> datetime | None:
    """The day of the first interaction with tools, or None."""
    found = await find(
        interactions,
        _between(since, until),
        {"timestamp": 1, "_id": 0},
        sort=[("timestamp", 1)],
        limit=1,
        index=WITH_TOOLS,
    )
    return midnight(found[0]["timestamp"]) if found else None


async def _ends(
    interactions: AsyncCollection[Any], found: Sequence[Mapping[str, Any]], day: datetime
) -> dict[ObjectId, float]:
    """When the responses ended that these interactions continue, in milliseconds since 1970."""
    parents = {parent for each in found if (parent := _parent(each)) is not None}
    if not parents:
        return {}
    near = {"timestamp": {"$gte": day - _BEFORE, "$lt": day + DAY}}
    documents = [each for each in await find(interactions, near, _ENDS, index=LISTED) if each["_id"] in parents]
    missing = parents - {each["_id"] for each in documents}
    if missing:
        documents += await find(interactions, {"_id": {"$in": list(missing)}}, _ENDS, index=None)
    return {
        each["_id"]: milliseconds(each["timestamp"]) + each["request_duration_ms"]
        for each in documents
        if each["request_duration_ms"] is not None
    }


def _parent(document: Mapping[str, Any]) -> ObjectId | None:
    parent: ObjectId | None = (document.get("thread") or {}).get("parent")
    return parent


def _brought(document: Mapping[str, Any], ends: Mapping[ObjectId, float]) -> Brought:
    parent = _parent(document)
    return Brought(
        milliseconds(document["timestamp"]),
        document["tool_use"],
        (document.get("error") or {}).get("message") is not None,
        (document.get("cost") or {}).get("usd"),
        ends.get(parent) if parent is not None else None,
    )
