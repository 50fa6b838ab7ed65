"""Pages of threads, with the sums of each thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.base import Filter
from gemtap.stores.mongo.choosing import choose_index
from gemtap.stores.mongo.conditions import FAILED
from gemtap.stores.mongo.hinting import Index, aggregate, find
from gemtap.stores.mongo.queries import AT_ANY_TIME, BY_ERROR, BY_THREAD, LISTED, NEWEST_FIRST, selection, times_after
from gemtap.stores.mongo.rows import Rows
from gemtap.stores.paging import ThreadCursor, from_milliseconds, milliseconds
from gemtap.stores.place import Place, place_of
from gemtap.stores.thread_list import ThreadItem, ThreadPage, ThreadSort, state_of

_BATCH: Final = 2_000
"""Number of index entries read at a time to collect threads."""

_IS_SET: Final = {"$gte": ObjectId("0" * 24)}
"""A condition on `thread.id` that an index alone can decide, unlike `$ne: null`."""

_SUMS: Final[Mapping[str, Any]] = {
    "turns": {"$sum": 1},
    "first_at": {"$min": "$timestamp"},
    "last_at": {"$max": "$timestamp"},
    "tokens": {"$sum": "$tokens.total"},
    "counted": {"$sum": {"$cond": [{"$gt": ["$tokens.total", None]}, 1, 0]}},
    "cost": {"$sum": "$cost.usd"},
    "priced": {"$sum": {"$cond": [{"$gt": ["$cost.usd", None]}, 1, 0]}},
}

_Place = tuple[ObjectId, float, ObjectId]
"""A thread, its sort value, and the id that breaks ties."""


async def read_threads(
    interactions: AsyncCollection[Any],
    rows: Rows,
    where: Filter,
    after: ThreadCursor | None,
    sort: ThreadSort,
    limit: int,
) -> ThreadPage:
    """The threads with a matching interaction, from just after the cursor."""
    if sort == "latest":
        found = await _latest(interactions, where, after, limit + 1)
    else:
        found = await _sorted(interactions, where, after, sort, limit + 1)
    items = await _items(interactions, rows, [thread for thread, _, _ in found[:limit]])
    if len(found) <= limit:
        return ThreadPage(items, None)
    _, value, id_ = found[limit - 1]
    return ThreadPage(items, ThreadCursor(sort, value, id_).encode())


async def _latest(
    interactions: AsyncCollection[Any], where: Filter, after: ThreadCursor | None, limit: int
) -> list[_Place]:
    """Threads, each at the place of its newest matching interaction.

    Reads matching interactions newest first, from the index alone, until the page is full. A thread that appears after
    the cursor was on an earlier page if it also has a matching interaction before the cursor.
    """
    index = await _index(interactions, where)
    begin = None if after is None else Place(from_milliseconds(int(after.value)), after.id)
    place, found, passed = begin, dict[ObjectId, _Place](), set[ObjectId]()
    while len(found) < limit:
        others = {"thread.id": {**_IS_SET, "$nin": [*found, *passed]}}
        batch = await _walk(interactions, {"$and": [selection(where), others]}, place, index)
        fresh = dict[ObjectId, _Place]()
        for each in batch:
            thread = each["thread"]["id"]
            fresh.setdefault(thread, (thread, milliseconds(each["timestamp"]), each["_id"]))
        if begin is not None:
            passed |= await _before(interactions, where, begin, [*fresh])
        found |= {thread: at for thread, at in fresh.items() if thread not in passed}
        if len(batch) < _BATCH:
            break
        place = place_of(batch[-1])
    return list(found.values())[:limit]


async def _index(interactions: AsyncCollection[Any], where: Filter) -> Index | None:
    """The index from which the threads of matching interactions are read."""
    # All other indexes of lists contain the thread, and the planner chooses the shortest one.
    return LISTED if await choose_index(interactions, where) is LISTED else None


async def _walk(
    interactions: AsyncCollection[Any], matching: Mapping[str, Any], place: Place | None, index: Index | None
) -> list[dict[str, Any]]:
    """The next matching entries, newest first, from just after a place."""
    found: list[dict[str, Any]] = []
    for time in times_after(place, "newest"):
        if len(found) < _BATCH:
            found += await find(
                interactions,
                {"$and": [matching, time]},
                {"timestamp": 1, "thread.id": 1},
                sort=NEWEST_FIRST,
                limit=_BATCH - len(found),
                index=index,
            )
    return found


async def _before(
    interactions: AsyncCollection[Any], where: Filter, place: Place, threads: Sequence[ObjectId]
) -> set[ObjectId]:
    """The threads among these that have a matching interaction at this place or before it."""
    found = set[ObjectId]()
    for newer in ({"timestamp": place.timestamp, "_id": {"$gte": place.id}}, {"timestamp": {"$gt": place.timestamp}}):
        matching = {"$and": [{"thread.id": {"$in": [*threads]}}, newer, selection(where)]}
        groups = await aggregate(interactions, [{"$match": matching}, {"$group": {"_id": "$thread.id"}}], BY_THREAD)
        found |= {each["_id"] for each in groups}
    return found


async def _sorted(
    interactions: AsyncCollection[Any], where: Filter, after: ThreadCursor | None, sort: ThreadSort, limit: int
) -> list[_Place]:
    """Threads by a sum, the greatest first. This adds up all matching threads."""
    among: dict[str, Any] = {"thread.id": _IS_SET}
    if where.terms:
        matching = {"$and": [selection(where), among, AT_ANY_TIME]}
        stages: list[dict[str, Any]] = [{"$match": matching}, {"$group": {"_id": "$thread.id"}}]
        groups = await aggregate(interactions, stages, await _index(interactions, where))
        among = {"thread.id": {"$in": [each["_id"] for each in groups]}}
    value = {
        "turns": "$turns",
        "tokens": {"$cond": ["$counted", "$tokens", -1]},
        "cost": {"$cond": ["$priced", "$cost", -1]},
    }[sort]
    stages = [
        {"$match": among},
        {"$group": {"_id": "$thread.id", **_SUMS}},
        {"$project": {"value": value}},
    ]
    if after is not None:
        beyond = [{"value": {"$lt": after.value}}, {"value": after.value, "_id": {"$lt": after.id}}]
        stages.append({"$match": {"$or": beyond}})
    stages += [{"$sort": {"value": -1, "_id": -1}}, {"$limit": limit}]
    found = await aggregate(interactions, stages, BY_THREAD)
    return [(each["_id"], each["value"], each["_id"]) for each in found]


async def _items(interactions: AsyncCollection[Any], rows: Rows, threads: Sequence[ObjectId]) -> list[ThreadItem]:
    found = await aggregate(
        interactions,
        [
            {"$match": {"thread.id": {"$in": [*threads]}}},
            {"$sort": dict(BY_THREAD[:3])},
            {"$group": {"_id": "$thread.id", **_SUMS, "last": {"$first": "$_id"}, "first": {"$last": "$_id"}}},
        ],
        BY_THREAD,
    )
    sums = {each["_id"]: each for each in found}
    failed = await _failed(interactions, list(sums.values()))
    ends = [each[end] for each in sums.values() for end in ("first", "last")]
    shown = {each["_id"]: each for each in await rows.read(ends)}
    # Without threads that were deleted in the meantime.
    whole = [sums[thread] for thread in threads if thread in sums]
    return [
        _item(each, shown[each["first"]], shown[each["last"]], failed.get(each["_id"], 0))
        for each in whole
        if _are_there(each, shown)
    ]


async def _failed(interactions: AsyncCollection[Any], sums: Sequence[Mapping[str, Any]]) -> dict[ObjectId, int]:
    """The number of failed interactions of each thread that has any, from the index of failed ones alone."""
    if not sums:
        return {}
    times = {"$gte": min(each["first_at"] for each in sums), "$lte": max(each["last_at"] for each in sums)}
    matching = {"$and": [{"timestamp": times, "thread.id": {"$in": [each["_id"] for each in sums]}}, FAILED]}
    count = {"$group": {"_id": "$thread.id", "count": {"$sum": 1}}}
    return {
        each["_id"]: each["count"] for each in await aggregate(interactions, [{"$match": matching}, count], BY_ERROR)
    }


def _are_there(sums: Mapping[str, Any], shown: Mapping[ObjectId, Any]) -> bool:
    return sums["first"] in shown and sums["last"] in shown


def _item(sums: Mapping[str, Any], first: Mapping[str, Any], last: Mapping[str, Any], failed: int) -> ThreadItem:
    return {
        "id": sums["_id"],
        "turns": sums["turns"],
        "failed": failed,
        "first_at": sums["first_at"],
        "last_at": sums["last_at"],
        "model": last["model"],
        "client": last["client"]["name"],
        "tokens": sums["tokens"] if sums["counted"] else None,
        "cost": sums["cost"] if sums["priced"] else None,
        "preview": {"prompt": first["preview"]["prompt"], "answer": last["preview"]["answer"]},
        "state": state_of(last),
    }
