"""The index of links, by which the turns of a conversation find each other, and changes of threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from bson import ObjectId
from pymongo import ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from gemtap.interaction import Thread
from gemtap.stores.links import After, Before, Linked, Move
from gemtap.stores.mongo.errors import translated
from gemtap.stores.mongo.hinting import find
from gemtap.stores.mongo.queries import BY_LINK
from gemtap.stores.mongo.searching import MADE_DUE


class Mover(Protocol):
    """Changes threads, see `gemtap.stores.mongo.writing.Writer`."""

    async def move(self, moves: Sequence[Move]) -> bool:
        """See `LinkIndex.move`. Raises PyMongoError."""
        ...


_LINKED: Final = {"timestamp": 1, "thread": 1, "outcome": 1}

_AT_ONCE: Final = 10_000
"""Links in one command, which may have 16 MB."""

_IN_THREAD: Final = {"thread": {"$ne": None}}

_UNKNOWN_STAGE: Final = 40324
"""The error code of servers before MongoDB 5.1 for `$documents`."""

_NEWEST_FIRST: Final = [("timestamp", -1), ("_id", -1)]

_NEWEST_BEFORE: Final[list[Mapping[str, Any]]] = [
    {
        "$match": {
            # The second condition implies the first, which bounds the index scan.
            "$expr": {
                "$and": [
                    {"$lte": ["$timestamp", "$$at"]},
                    {"$or": [{"$lt": ["$timestamp", "$$at"]}, {"$lt": ["$_id", "$$own"]}]},
                ]
            },
            **_IN_THREAD,
        }
    },
    {"$sort": dict(_NEWEST_FIRST)},
    {"$limit": 1},
    {"$project": _LINKED},
]


class MongoLinks:
    """See `gemtap.stores.links.LinkIndex`."""

    def __init__(self, interactions: AsyncCollection[Any], mover: Mover, description: str) -> None:
        self._interactions = interactions
        self._mover = mover
        self._description = description

    async def before(self, wanted: Sequence[Before]) -> list[Linked | None]:
        """For each wanted link the newest interaction before its place."""
        with translated(self._description):
            return await _read_before(self._interactions, wanted)

    async def after(self, wanted: Sequence[After]) -> list[Linked]:
        """The interactions that have one of the links after its place."""
        with translated(self._description):
            return await _read_after(self._interactions, wanted)

    async def children(self, ids: Sequence[ObjectId]) -> list[Linked]:
        """The interactions whose parent is one of these."""
        with translated(self._description):
            return await _read_children(self._interactions, ids)

    async def in_threads(self, threads: Sequence[ObjectId]) -> list[ObjectId]:
        """The ids of the interactions of these threads."""
        with translated(self._description):
            primary = self._interactions.with_options(read_preference=ReadPreference.PRIMARY)
            return [each["_id"] async for each in primary.find({"thread.id": {"$in": list(threads)}}, {"_id": 1})]

    async def of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
        """The links of each of these interactions."""
        with translated(self._description):
            found = self._interactions.find({"_id": {"$in": list(ids)}, "links": {"$exists": True}}, {"links": 1})
            return {each["_id"]: tuple(map(bytes, each["links"])) async for each in found}

    async def move(self, moves: Sequence[Move]) -> bool:
        """Change threads one after the other."""
        with translated(self._description):
            return await self._mover.move(moves)


async def _read_before(interactions: AsyncCollection[Any], wanted: Sequence[Before]) -> list[Linked | None]:
    """For each link the newest interaction before its place."""
    found: list[Linked | None] = []
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        try:
            found += await linked_together(interactions, some)
        except OperationFailure as exc:
            if exc.code != _UNKNOWN_STAGE:
                raise
            found += await linked_one_by_one(interactions, some)
    return found


async def linked_together(interactions: AsyncCollection[Any], wanted: Sequence[Before]) -> list[Linked | None]:
    """All links in one command, for MongoDB 5.1 and newer."""
    database = interactions.database.with_options(interactions.codec_options, ReadPreference.PRIMARY)
    found: list[Linked | None] = [None] * len(wanted)
    asked = [
        {"number": number, "link": link, "at": place.timestamp, "own": place.id}
        for number, (link, place) in enumerate(wanted)
    ]
    answers = await database.aggregate(
        [
            {"$documents": asked},
            {
                "$lookup": {
                    "from": interactions.name,
                    "localField": "link",
                    "foreignField": "links",
                    "let": {"at": "$at", "own": "$own"},
                    "pipeline": _NEWEST_BEFORE,
                    "as": "found",
                }
            },
            {"$match": {"found": {"$ne": []}}},
            {"$project": {"number": 1, "found": 1}},
        ]
    )
    async for answer in answers:
        found[answer["number"]] = _linked(answer["found"][0])
    return found


async def linked_one_by_one(interactions: AsyncCollection[Any], wanted: Sequence[Before]) -> list[Linked | None]:
    """One query per link."""
    primary = interactions.with_options(read_preference=ReadPreference.PRIMARY)
    found: list[Linked | None] = []
    for link, place in wanted:
        before = {
            "timestamp": {"$lte": place.timestamp},
            "$or": [{"timestamp": {"$lt": place.timestamp}}, {"_id": {"$lt": place.id}}],
        }
        document = await primary.find_one({"links": link, **before, **_IN_THREAD}, _LINKED, sort=_NEWEST_FIRST)
        found.append(None if document is None else _linked(document))
    return found


async def _read_after(interactions: AsyncCollection[Any], wanted: Sequence[After]) -> list[Linked]:
    """The interactions that have one of the links after its place."""
    primary = interactions.with_options(read_preference=ReadPreference.PRIMARY)
    found: dict[ObjectId, Linked] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        oldest = min(each.place.timestamp for each in some)
        query = {"links": {"$in": [each.link for each in some]}, "timestamp": {"$gte": oldest}, **_IN_THREAD}
        places: dict[bytes, list[After]] = {}
        for each in some:
            places.setdefault(each.link, []).append(each)
        firsts: dict[After, Linked] = {}
        for document in await find(primary, query, {**_LINKED, "links": 1}, index=BY_LINK):
            linked = _linked(document)
            for each in (each for link in document["links"] for each in places.get(bytes(link), ())):
                if not _is_after(linked, each):
                    continue
                if not each.first_only:
                    found[linked.id] = linked
                elif each not in firsts or linked.place < firsts[each].place:
                    firsts[each] = linked
        found |= {each.id: each for each in firsts.values()}
    return _oldest_first(found.values())


def _is_after(linked: Linked, wanted: After) -> bool:
    return linked.place > wanted.place and (wanted.until is None or linked.timestamp <= wanted.until)


async def _read_children(interactions: AsyncCollection[Any], ids: Sequence[ObjectId]) -> list[Linked]:
    """The interactions whose parent is one of these."""
    if not ids:
        return []
    primary = interactions.with_options(read_preference=ReadPreference.PRIMARY)
    return _oldest_first(
        [_linked(document) async for document in primary.find({"thread.parent": {"$in": list(ids)}}, _LINKED)]
    )


async def thread_of(interactions: AsyncCollection[Any], ids: Iterable[ObjectId]) -> dict[ObjectId, ObjectId]:
    """The threads of these interactions, except of those whose id is that of a thread."""
    found = interactions.find({"_id": {"$in": list(ids)}, **_IN_THREAD}, {"thread.id": 1})
    threads = {document["_id"]: document["thread"]["id"] async for document in found}
    return {
        id_: thread
        for id_, thread in threads.items()
        if id_ != thread and await interactions.find_one({"thread.id": id_}, {"_id": 1}) is None
    }


async def change_thread(interactions: AsyncCollection[Any], each: Move) -> bool:
    """Change the thread of one interaction, if it still has the old one."""
    fields: dict[str, Any] = {"thread": each.new}
    if each.links is not None:
        fields["links"] = list(each.links)
    done = await interactions.update_one({"_id": each.id, **is_in(each.old)}, {"$set": fields, "$addToSet": MADE_DUE})
    return done.matched_count == 1


def is_in(thread: Thread | None) -> dict[str, Any]:
    """The query for this thread field. MongoDB would compare the whole object with the order of its members."""
    if thread is None:
        return {"thread": None}
    return {f"thread.{name}": value for name, value in thread.items()}


def _linked(document: Mapping[str, Any]) -> Linked:
    return Linked(document["_id"], document["timestamp"], document["thread"], document["outcome"])


def _oldest_first(found: Iterable[Linked]) -> list[Linked]:
    return sorted(found, key=lambda each: each.place)
