"""The store in one SQLite file.

One thread writes and a few read, so that a long list keeps no record waiting; one more looks after what was written,
for as long as records come. Other processes may read, and write, at the same time: the file is in WAL mode.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from bson import ObjectId

from gemtap.interaction import Interaction, Side
from gemtap.stores.annotations import checked
from gemtap.stores.base import QUERY_SECONDS, Record
from gemtap.stores.facets import Facets
from gemtap.stores.paging import ThreadCursor
from gemtap.stores.place import Order, Place, place_of
from gemtap.stores.query.filter import Filter, thread_ids
from gemtap.stores.sorting import NotSortable, SortedPlace, SortKey, is_sortable
from gemtap.stores.sqlite.annotating import annotate
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.connections import ConnectionThreads, DatabaseFile, connect
from gemtap.stores.sqlite.counts import SqliteCounts
from gemtap.stores.sqlite.deleting import delete
from gemtap.stores.sqlite.due import SqliteSearchIndex
from gemtap.stores.sqlite.errors import translated
from gemtap.stores.sqlite.incidents import SqliteIncidents
from gemtap.stores.sqlite.limit_usage import SqliteLimitUsage
from gemtap.stores.sqlite.linking import SqliteLinks, resolved
from gemtap.stores.sqlite.maintenance import SqliteMaintenance
from gemtap.stores.sqlite.reading import count, read, read_facets, read_list, read_raw, read_sorted
from gemtap.stores.sqlite.scanning import last_place, read_batch
from gemtap.stores.sqlite.schema import open_prerelease, prepare
from gemtap.stores.sqlite.searches import SqliteSearches
from gemtap.stores.sqlite.statistics import Floats
from gemtap.stores.sqlite.threads import read_threads
from gemtap.stores.sqlite.upkeep import Upkeep
from gemtap.stores.sqlite.writing import replace, write
from gemtap.stores.statistics import Bucket, By, StatRow, ToolRow
from gemtap.stores.statistics.query import statistics, tool_statistics
from gemtap.stores.thread_list import ThreadPage, ThreadSort

_READERS: Final = 3

T = TypeVar("T")


class SqliteStore:
    """See `gemtap.stores.base.Store`. Not to be opened again once it is closed."""

    stores_values = False
    shared = None

    def __init__(self, path: Path, *, prerelease: bool = False) -> None:
        """With `prerelease`, a database from before the first release may be read."""
        self._path = path
        self._file = DatabaseFile(path, partial(open_database, prerelease=prerelease))
        self._bodies = BodyStore()
        self._writer = ConnectionThreads(self._file, threads=1, name="sqlite-writer")
        self._readers = ConnectionThreads(self._file, threads=_READERS, name="sqlite-reader", seconds=QUERY_SECONDS)
        self._counts = SqliteCounts(self._read, self._write)
        self.links = SqliteLinks(self._read, self._write)
        self.search_index = SqliteSearchIndex(self._read, self._write, self._bodies)
        self.incidents = SqliteIncidents(self._read, self._write)
        self.searches = SqliteSearches(self._read, self._write)
        self.limit_usage = SqliteLimitUsage(self._read, self._write)
        self.maintenance = SqliteMaintenance(self._file, self._read)
        self._upkeep = Upkeep(self._file)

    @property
    def description(self) -> str:
        """The address as `open_store` takes it."""
        return f"sqlite:///{self._path}"

    async def open(self) -> None:
        """Create the database if there is none. Raises StoreError if another version of Gemtap wrote it."""
        await self._write(_answer)

    async def close(self) -> None:
        """Finish what has begun and close the file."""
        await self._upkeep.close()
        await self._readers.close()
        await self._writer.close()
        # The last connection to close checkpoints the write-ahead log.
        self._file.close()

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """Store the records in one transaction, on the disk when this returns."""
        present = await self._write(partial(write, bodies=self._bodies, records=records))
        if records:
            self._upkeep.wake()
        return present

    async def replace(self, records: Sequence[Record]) -> int:
        """Store the records in place of those with the same ids, in one transaction; returns how many there were."""
        return await self._write(partial(replace, bodies=self._bodies, records=records))

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, or None."""
        return await self._read(partial(read, bodies=self._bodies, id_=id_))

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, or None if there is no such interaction."""
        return await self._read(partial(read_raw, bodies=self._bodies, id_=id_, side=side))

    async def list(
        self, where: Filter, *, order: Order = "newest", after: Place | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents without bodies, in this order."""
        where = await self._resolved(where)
        return await self._read(partial(read_list, where=where, order=order, after=after, limit=limit))

    async def sorted_list(
        self, where: Filter, by: SortKey, *, after: SortedPlace | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents without bodies, by a number. Raises NotSortable."""
        if not is_sortable(where):
            raise NotSortable
        where = await self._resolved(where)
        return await self._read(partial(read_sorted, where=where, by=by, after=after, limit=limit))

    async def facets(self, where: Filter) -> Facets:
        """Values of some fields among the newest matches, with their numbers."""
        return await self._read(partial(read_facets, where=await self._resolved(where)))

    async def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every matching document, whole, oldest first."""
        where = await self._resolved(where)
        last = await self._read(partial(last_place, where=where))
        after: Place | None = None
        while last is not None:
            batch = await self._read(partial(read_batch, bodies=self._bodies, where=where, after=after, last=last))
            if not batch:
                return
            after = place_of(batch[-1])
            for document in batch:
                yield document

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set annotations; False if there is no such interaction. Raises BadAnnotation."""
        fields = checked(tags, rating, note)
        return await self._write(partial(annotate, id_=id_, fields=fields))

    async def count(self, where: Filter) -> int:
        """Number of matching interactions."""
        return await self._read(partial(count, where=await self._resolved(where)))

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions in one transaction, and say how many there were."""
        return await self._write(partial(delete, bodies=self._bodies, ids=ids))

    async def statistics(
        self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None
    ) -> Sequence[StatRow]:
        """Statistics of the matching interactions."""
        return await statistics(self._counts, await self._resolved(where), bucket, by)

    async def tools(self, where: Filter) -> Sequence[ToolRow]:
        """Statistics of the tools that the matching interactions use."""
        return await tool_statistics(self._counts, await self._resolved(where))

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """A page of the threads with a matching interaction."""
        after = ThreadCursor.decode(cursor, sort) if cursor is not None else None
        return await self._read(
            partial(read_threads, where=await self._resolved(where), after=after, sort=sort, limit=limit)
        )

    async def ping(self) -> None:
        """Return if the database can be read."""
        await self._read(_answer)

    async def _resolved(self, where: Filter) -> Filter:
        """The filter with the current ids of its threads."""
        return await self._read(partial(resolved, where=where)) if thread_ids(where) else where

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self._path):
            return await self._writer.run(work)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self._path):
            return await self._readers.run(work)


def open_database(path: Path, *, prerelease: bool = False) -> sqlite3.Connection:
    """A connection to the database, which is created if there is none. Raises StoreError, sqlite3.Error and OSError.

    With `prerelease`, a database from before the first release is opened for reading.
    """
    connection = open_prerelease(path) if prerelease else connect(path)
    try:
        connection.create_aggregate("floats", 1, Floats)  # type: ignore[arg-type]  # typeshed wants a result of int alone
        if not prerelease:
            prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _answer(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT 1 FROM interactions LIMIT 1").fetchone()
