"""The store in MongoDB: one document an interaction, and a GridFS bucket for what is too large for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import zstandard
from bson import CodecOptions, ObjectId
from bson.raw_bson import RawBSONDocument
from gridfs.errors import CorruptGridFile, NoFile
from pymongo import ReadPreference, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from gemtap.incident import Incident
from gemtap.interaction import Interaction, Outcome, Side
from gemtap.stores.annotations import checked
from gemtap.stores.base import Cursor, Fault, Filter, Page, Progress, Record, Searchable, Space, StoreUnavailable
from gemtap.stores.counting import statistics
from gemtap.stores.mongo.client import DEFAULT_DATABASE, client_for
from gemtap.stores.mongo.counts import DAY_PARTS, DAYS, MongoCounts
from gemtap.stores.mongo.documents import RAW_OPTIONS, StoredRecord, exact_bytes, from_stored, to_stored
from gemtap.stores.mongo.errors import translated
from gemtap.stores.mongo.files import BUCKET_COLLECTIONS, BodyFiles
from gemtap.stores.mongo.hinting import Index, find
from gemtap.stores.mongo.inserting import insert_absent
from gemtap.stores.mongo.integrity import verify
from gemtap.stores.mongo.queries import (
    AS_RECORDED,
    INDEXES,
    NEWEST_FIRST,
    OLDEST_FIRST,
    SUPERSEDED,
    WITHOUT_BODIES,
    WITHOUT_RAW,
    index_for,
    oldest_selection,
    scan_selection,
    selection,
)
from gemtap.stores.mongo.searching import FIELD, MADE_DUE, UNSEARCHABLE, searched
from gemtap.stores.mongo.threads import read_threads
from gemtap.stores.paging import ThreadCursor, from_milliseconds, milliseconds_up, page_of
from gemtap.stores.statistics import Bucket, By, StatRow
from gemtap.stores.thread_list import ThreadPage, ThreadSort

COLLECTION: Final = "gemini_interactions"
EVENTS: Final = "gemtap_events"

_PLAIN: Final = CodecOptions[dict[str, Any]](tz_aware=True, tzinfo=UTC)

_BATCH: Final = 200
"""Documents that a scan reads at once."""


class MongoStore:
    """See `gemtap.stores.base.Store`. Once opened it finds its way back to a server that was away."""

    def __init__(self, url: str, description: str) -> None:
        """Connects to nothing yet. Raises PyMongoError, ValueError or TypeError where the address is not valid."""
        self._description = description
        self._client = client_for(url)
        self._database = self._client.get_default_database(DEFAULT_DATABASE)
        self._interactions: AsyncCollection[RawBSONDocument] = self._database[COLLECTION].with_options(RAW_OPTIONS)
        self._plain: AsyncCollection[Any] = self._database.get_collection(COLLECTION, _PLAIN)
        """The same, for what only reads fields of it."""
        self._counts = MongoCounts(self._database, self._plain)
        self._events: AsyncCollection[Any] = self._database.get_collection(EVENTS, _PLAIN)
        self._files = BodyFiles(self._database)
        self._created = False

    @property
    def description(self) -> str:
        """The address without its password."""
        return self._description

    async def open(self) -> None:
        """Make the collection and its indexes where they are missing."""
        with translated(self._description):
            await self._create()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def put(self, records: Sequence[Record]) -> None:
        """Store the records; unless the address says otherwise, on the disks of a majority when this returns."""
        if not records:
            return
        with translated(self._description):
            await self._create()
            # Compressing and encoding large bodies takes tens of milliseconds.
            stored = [await asyncio.to_thread(to_stored, record) for record in records]
            for record in stored:
                for file_id, content in record.files.values():
                    await self._files.keep(file_id, content)
            async with self._counts.changing(record.document["timestamp"] for record in records):
                present = await insert_absent(self._interactions, [record.document for record in stored])
                if present:
                    await self._replace_interrupted([stored[position] for position in present])

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, or None."""
        with translated(self._description):
            found = await self._interactions.find_one({"_id": id_}, WITHOUT_RAW)
        return None if found is None else cast(Interaction, await asyncio.to_thread(from_stored, found))

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, or None where there is no such interaction."""
        with translated(self._description):
            try:
                return await self._raw(id_, side)
            except (NoFile, CorruptGridFile):
                # The document was replaced after it was read, and its file went with it.
                return await self._raw(id_, side)

    async def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        """A page of the list, newest first."""
        after = Cursor.decode(cursor) if cursor is not None else None
        with translated(self._description):
            found = await find(
                self._interactions,
                selection(where, after),
                WITHOUT_BODIES,
                sort=NEWEST_FIRST,
                limit=limit + 1,
                index=index_for(where),
            )
            return page_of([from_stored(document) for document in found], limit)

    async def recorded_since(self, moment: datetime, *, limit: int) -> list[dict[str, Any]]:
        """Documents without bodies by (`recorded_at`, `_id`) ascending."""
        since = from_milliseconds(milliseconds_up(moment))
        with translated(self._description):
            found = self._interactions.find(
                {"recorded_at": {"$gte": since}}, WITHOUT_BODIES, sort=AS_RECORDED, limit=limit
            )
            return [from_stored(document) async for document in found]

    async def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every whole document that matches, oldest first."""
        newest = await self.page(where, limit=1)
        last = _place(newest.items[0]) if newest.items else None
        after: Cursor | None = None
        while last is not None:
            batch = await self._batch(scan_selection(where, after, last), index_for(where))
            if not batch:
                return
            while batch:
                # Each is let go before the next is decoded: together they may be large.
                document = await asyncio.to_thread(from_stored, batch.popleft())
                after = _place(document)
                yield cast(Interaction, document)

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set what is given; False where there is no such interaction. Raises BadAnnotation."""
        fields = checked(tags, rating, note)
        with translated(self._description):
            if not fields:
                return await self._interactions.count_documents({"_id": id_}, limit=1) == 1
            # The note is among what searches for words go through.
            due = {"$addToSet": MADE_DUE} if "note" in fields else {}
            done = await self._interactions.update_one({"_id": id_}, {"$set": fields, **due})
        return done.matched_count == 1

    async def linked(self, links: Sequence[bytes]) -> dict[bytes, ObjectId]:
        """For each of the links that an interaction was stored with, the newest that was."""
        if not links:
            return {}
        with translated(self._description):
            found = await self._interactions.aggregate(
                [
                    {"$match": {"links": {"$in": list(links)}}},
                    {"$project": {"links": 1}},
                    {"$unwind": "$links"},
                    {"$match": {"links": {"$in": list(links)}}},
                    {"$group": {"_id": "$links", "newest": {"$max": "$_id"}}},
                ]
            )
            return {bytes(each["_id"]): each["newest"] async for each in found}

    async def links_of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
        """The links that each of these interactions was stored with."""
        with translated(self._description):
            found = self._interactions.find({"_id": {"$in": list(ids)}, "links": {"$exists": True}}, {"links": 1})
            return {each["_id"]: tuple(map(bytes, each["links"])) async for each in found}

    async def oldest(self, where: Filter, *, limit: int, after: Cursor | None = None) -> list[dict[str, Any]]:
        """Documents without bodies, oldest first."""
        with translated(self._description):
            found = await find(
                self._interactions,
                oldest_selection(where, after),
                WITHOUT_BODIES,
                sort=OLDEST_FIRST,
                limit=limit,
                index=index_for(where),
            )
            return [from_stored(document) for document in found]

    async def count(self, where: Filter) -> int:
        """How many interactions match."""
        with translated(self._description):
            return await self._interactions.count_documents(selection(where, None))

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions, then their files, and say how many there were."""
        if not ids:
            return 0
        with translated(self._description):
            begun = [
                each["timestamp"]
                async for each in self._plain.find({"_id": {"$in": list(ids)}}, {"timestamp": 1, "_id": 0})
            ]
            async with self._counts.changing(begun):
                done = await self._interactions.delete_many({"_id": {"$in": list(ids)}})
            await self._files.delete_of(ids)
        return done.deleted_count

    async def space(self, *, settled: bool = False) -> Space:
        """What the database takes up. MongoDB counts what was deleted as free at its next checkpoint, in a minute."""
        with translated(self._description):
            if settled:
                try:
                    await self._client.admin.command("fsync")
                except OperationFailure:
                    pass  # not every user may ask for a checkpoint, nor does every router of shards
            figures = await self._database.command("dbStats", freeStorage=1)
        # A router of shards adds up the figures of all of them, under the same names.
        free = int(figures.get("freeStorageSize", 0)) + int(figures.get("indexFreeStorageSize", 0))
        return Space(
            used=int(figures["storageSize"]) + int(figures["indexSize"]) - free,
            free=free,
            content=int(figures["dataSize"]),
        )

    async def reclaim(self) -> AsyncIterator[Progress]:
        """Nothing: MongoDB uses the room again, and gives it back to the disk when it is told to compact."""
        return
        yield

    async def statistics(self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None) -> list[StatRow]:
        """What is told of the interactions that match."""
        with translated(self._description):
            return await statistics(self._counts, where, bucket, by)

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """A page of the threads of which an interaction matches."""
        after = ThreadCursor.decode(cursor, sort) if cursor is not None else None
        with translated(self._description):
            return await read_threads(self._plain, where, after, sort, limit)

    async def unsearchable(self, *, limit: int) -> list[Interaction]:
        """Documents that were stored without their text, the newest first."""
        with translated(self._description):
            found = self._interactions.find(UNSEARCHABLE, WITHOUT_RAW, sort=NEWEST_FIRST, limit=-limit)
            return [cast(Interaction, await asyncio.to_thread(from_stored, document)) async for document in found]

    async def make_searchable(self, texts: Iterable[Searchable]) -> None:
        """Let searches for words find these interactions."""
        changes = [
            UpdateOne(
                {"_id": id_, **UNSEARCHABLE, "note": note}, {"$set": {FIELD: await asyncio.to_thread(searched, text)}}
            )
            for id_, text, note in texts
        ]
        if changes:
            with translated(self._description):
                await self._interactions.bulk_write(changes, ordered=False)

    async def tidy_search(self) -> None:
        """Nothing: the words go with their document."""

    async def put_incidents(self, incidents: Sequence[Incident]) -> None:
        """Store what happened to recording."""
        if not incidents:
            return
        with translated(self._description):
            await self._create()
            await self._events.bulk_write([ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in incidents])

    async def incidents(self, *, limit: int) -> list[Incident]:
        """What happened to recording, newest first."""
        with translated(self._description):
            return await self._events.find(sort=[("at", -1), ("_id", -1)], limit=limit).to_list()

    async def check(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """What is missing or not as it was stored."""
        with translated(self._description):
            async for fault in verify(self._interactions, self._files, looked_at or (lambda _: None)):
                yield fault

    async def ping(self) -> None:
        """Return if the server answers."""
        with translated(self._description):
            await self._database.command("ping")

    async def _batch(self, query: Mapping[str, Any], index: Index | None) -> deque[RawBSONDocument]:
        """The first documents in the order of `OLDEST_FIRST`, undecoded: at most what fits into one answer of 16 MB."""
        with translated(self._description):
            # A negative limit asks for a single batch, be it shorter, and leaves no cursor behind that would time out
            # while the caller is busy: https://www.mongodb.com/docs/manual/reference/method/cursor.limit/
            return deque(
                await find(self._interactions, query, WITHOUT_RAW, sort=OLDEST_FIRST, limit=-_BATCH, index=index)
            )

    async def _create(self) -> None:
        if self._created:
            return
        for name in (COLLECTION, EVENTS, DAYS, DAY_PARTS, *BUCKET_COLLECTIONS):
            await self._create_collection(name)
        await self._interactions.create_indexes(INDEXES)
        for name in SUPERSEDED & (await self._interactions.index_information()).keys():
            await self._interactions.drop_index(name)
        await self._counts.create()
        await self._events.create_index([("at", -1), ("_id", -1)])
        await self._files.create()
        self._created = True

    async def _create_collection(self, name: str) -> None:
        try:
            await self._database.create_collection(
                name, check_exists=False, storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}}
            )
        except OperationFailure:
            # It exists already; or the service lets nobody choose the storage engine, and the first write makes it.
            # Whatever else is wrong stops the making of the indexes too.
            pass

    async def _replace_interrupted(self, present: Sequence[StoredRecord]) -> None:
        """Put records in the place of interrupted ones: of records that were there already when they were inserted.

        Inserting first and replacing after holds under concurrency. Once an insert has failed a document is there;
        the replacement takes effect if that one is interrupted, and if it is not there is nothing to do, for a
        document that is not interrupted is never replaced. One upsert instead of the two would not do: it fails on
        a duplicate key both where a whole document is stored and where another recorder inserts an interrupted one
        at the same moment.
        """
        await self._replace([record for record in present if record.outcome != Outcome.INTERRUPTED])
        ids = [record.id for record in present]
        primary = self._interactions.with_options(read_preference=ReadPreference.PRIMARY)
        found = [
            from_stored(document)
            async for document in primary.find(
                {"_id": {"$in": ids}}, {"outcome": 1, "request.raw_file": 1, "response.raw_file": 1}
            )
        ]
        if {document["_id"] for document in found} != set(ids):
            raise StoreUnavailable(f"{self._description}: a record was deleted while it was stored. Try again.")
        for document in found:
            # Another recorder may be about to refer to another file until the document is final.
            if document["outcome"] != Outcome.INTERRUPTED:
                sides = [document.get("request"), document.get("response")]
                referred = [side["raw_file"] for side in sides if side and "raw_file" in side]
                await self._files.delete_others(document["_id"], referred)

    async def _replace(self, records: Sequence[StoredRecord]) -> None:
        if records:
            await self._interactions.bulk_write(
                [ReplaceOne({"_id": record.id, "outcome": Outcome.INTERRUPTED}, record.document) for record in records],
                ordered=False,
            )

    async def _raw(self, id_: ObjectId, side: Side) -> bytes | None:
        fields = [f"{side}.{field}" for field in ("body", "raw", "raw_file")]
        found = await self._interactions.find_one({"_id": id_}, fields)
        if found is None:
            return None
        part = from_stored(found).get(side)
        if part is None:
            return b""
        if "raw_file" in part:
            return await asyncio.to_thread(zstandard.decompress, await self._files.read(part["raw_file"]))
        return await asyncio.to_thread(exact_bytes, part)


def _place(document: Mapping[str, Any]) -> Cursor:
    return Cursor(document["timestamp"], document["_id"])
