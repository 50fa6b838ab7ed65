"""The store in MongoDB: one document per interaction, and a GridFS bucket for bodies that are too large for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, cast

import zstandard
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from gridfs.errors import CorruptGridFile, NoFile

from gemtap.interaction import Interaction, Side
from gemtap.stores.annotations import checked
from gemtap.stores.base import QUERY_SECONDS, Record, StoreUnavailable
from gemtap.stores.facets import Facets
from gemtap.stores.mongo.client import DEFAULT_DATABASE, client_for
from gemtap.stores.mongo.collections import Collections
from gemtap.stores.mongo.documents import WITHOUT_RAW, exact_bytes, from_stored
from gemtap.stores.mongo.due import MongoSearchIndex
from gemtap.stores.mongo.errors import translated
from gemtap.stores.mongo.hinting import Index, find
from gemtap.stores.mongo.incidents import MongoIncidents
from gemtap.stores.mongo.limit_usage import MongoLimitUsage
from gemtap.stores.mongo.linking import MongoLinks, thread_of
from gemtap.stores.mongo.lists import Lists
from gemtap.stores.mongo.maintenance import MongoMaintenance
from gemtap.stores.mongo.queries import OLDEST_FIRST, index_for, scan_selection, selection
from gemtap.stores.mongo.searches import MongoSearches
from gemtap.stores.mongo.searching import MADE_DUE
from gemtap.stores.mongo.shared import MongoSharedValues
from gemtap.stores.mongo.threads import read_threads
from gemtap.stores.mongo.upkeep import Upkeep
from gemtap.stores.mongo.writing import DeletedMeanwhile, Writer
from gemtap.stores.paging import ThreadCursor
from gemtap.stores.place import Order, Place, place_of
from gemtap.stores.query.filter import Filter, thread_ids, with_threads
from gemtap.stores.sorting import NotSortable, SortedPlace, SortKey, is_sortable
from gemtap.stores.statistics import Bucket, By, StatRow, ToolRow
from gemtap.stores.statistics.query import statistics, tool_statistics
from gemtap.stores.thread_list import ThreadPage, ThreadSort

_BATCH: Final = 200
"""Number of documents that a scan reads at a time."""


class MongoStore:
    """See `gemtap.stores.base.Store`. Reconnects by itself after an outage of the server."""

    stores_values = True

    def __init__(self, url: str, description: str) -> None:
        """Does not connect yet. Raises PyMongoError, ValueError or TypeError if the address is invalid."""
        self._description = description
        self._client = client_for(url)
        self._database = self._client.get_default_database(DEFAULT_DATABASE)
        self._collections = Collections(self._database)
        self._interactions = self._collections.interactions
        self._files = self._collections.files
        self._rows = self._collections.rows
        self._lists = Lists(self._collections.plain, self._rows)
        self._upkeep = Upkeep(self._collections.plain, self._rows)
        self._writer = Writer(
            self._interactions, self._collections.plain, self._files, self._rows, self._collections.counts
        )
        self.links = MongoLinks(self._collections.plain, self._writer, description)
        self.search_index = MongoSearchIndex(self._interactions, description)
        self.incidents = MongoIncidents(self._collections, description)
        self.shared = MongoSharedValues(self._database, description)
        self.searches = MongoSearches(self._collections, description)
        self.limit_usage = MongoLimitUsage(self._collections, description)
        self.maintenance = MongoMaintenance(self._client, self._database, self._collections, description)

    @property
    def description(self) -> str:
        """The address without its password."""
        return self._description

    async def open(self) -> None:
        """Create missing collections and indexes."""
        with translated(self._description):
            await self._collections.create()
        self._upkeep.wake()

    async def close(self) -> None:
        """Close the connections."""
        await self._upkeep.close()
        await self._client.close()

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """Store the records, on the disks of a majority of servers unless the address has another write concern."""
        if not records:
            return set()
        with translated(self._description):
            await self._collections.create()
            try:
                present = await self._writer.put(records)
            except DeletedMeanwhile as exc:
                raise StoreUnavailable(
                    f"{self._description}: a record was deleted while it was stored. Try again."
                ) from exc
        self._upkeep.wake()
        return present

    async def replace(self, records: Sequence[Record]) -> int:
        """Replace interactions by records with the same ids; returns how many it replaced."""
        with translated(self._description):
            return sum([await self._writer.replace(record) for record in records])

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, or None."""
        with translated(self._description):
            found = await self._interactions.find_one({"_id": id_}, WITHOUT_RAW)
        return None if found is None else cast(Interaction, await asyncio.to_thread(from_stored, found))

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, or None if there is no such interaction."""
        with translated(self._description):
            try:
                return await self._raw(id_, side)
            except (NoFile, CorruptGridFile):
                # The document was replaced after it was read, and its file was deleted.
                return await self._raw(id_, side)

    async def list(
        self, where: Filter, *, order: Order = "newest", after: Place | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents without bodies, in this order."""
        with translated(self._description):
            return await self._lists.read(await self._resolved(where), order, after, limit)

    async def sorted_list(
        self, where: Filter, by: SortKey, *, after: SortedPlace | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents without bodies, by a number. Raises NotSortable."""
        if not is_sortable(where):
            raise NotSortable
        with translated(self._description):
            return await self._lists.read_sorted(await self._resolved(where), by, after, limit)

    async def facets(self, where: Filter) -> Facets:
        """Values of some fields among the newest matches, with their numbers."""
        with translated(self._description):
            return await self._lists.facets(await self._resolved(where))

    async def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every matching document, whole, oldest first."""
        with translated(self._description):
            where = await self._resolved(where)
            last = await self._lists.newest_place(where)
        after: Place | None = None
        while last is not None:
            batch = await self._batch(scan_selection(where, after, last), index_for(where))
            if not batch:
                return
            while batch:
                # Frees each document before it decodes the next: together they may be large.
                document = await asyncio.to_thread(from_stored, batch.popleft())
                after = place_of(document)
                yield cast(Interaction, document)

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set annotations; False if there is no such interaction. Raises BadAnnotation."""
        fields = checked(tags, rating, note)
        with translated(self._description):
            if not fields:
                return await self._interactions.count_documents({"_id": id_}, limit=1) == 1
            # The note is part of the search text.
            due = {"$addToSet": MADE_DUE} if "note" in fields else {}
            done = await self._interactions.update_one({"_id": id_}, {"$set": fields, **due})
        return done.matched_count == 1

    async def count(self, where: Filter) -> int:
        """Number of matching interactions."""
        with translated(self._description):
            query = selection(await self._resolved(where))
            return await self._interactions.count_documents(query, maxTimeMS=QUERY_SECONDS * 1000)

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions, then their files, and return how many existed."""
        if not ids:
            return 0
        with translated(self._description):
            return await self._writer.delete(ids)

    async def statistics(
        self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None
    ) -> Sequence[StatRow]:
        """Statistics of the matching interactions."""
        with translated(self._description):
            return await statistics(self._collections.counts, await self._resolved(where), bucket, by)

    async def tools(self, where: Filter) -> Sequence[ToolRow]:
        """Statistics of the tools that the matching interactions use."""
        with translated(self._description):
            return await tool_statistics(self._collections.counts, await self._resolved(where))

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """A page of the threads with a matching interaction."""
        after = ThreadCursor.decode(cursor, sort) if cursor is not None else None
        with translated(self._description):
            where = await self._resolved(where)
            return await read_threads(self._collections.plain, self._rows, where, after, sort, limit)

    async def ping(self) -> None:
        """Return if the server answers."""
        with translated(self._description):
            await self._database.command("ping")

    async def _resolved(self, where: Filter) -> Filter:
        """The filter with the current ids of its threads."""
        named = thread_ids(where)
        return with_threads(where, await thread_of(self._collections.plain, named)) if named else where

    async def _batch(self, query: Mapping[str, Any], index: Index | None) -> deque[RawBSONDocument]:
        """The first documents in the order of `OLDEST_FIRST`, undecoded: a single batch of at most 16 MB."""
        with translated(self._description):
            # A negative limit requests a single batch, which may be shorter, and closes the cursor, which would time
            # out while the caller is busy: https://www.mongodb.com/docs/manual/reference/method/cursor.limit/
            return deque(
                await find(self._interactions, query, WITHOUT_RAW, sort=OLDEST_FIRST, limit=-_BATCH, index=index)
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
