"""The store in one SQLite file.

One thread writes and a few read, so that a long list keeps no record waiting; one more looks after what was written,
for as long as records come. Other processes may read, and write, at the same time: the file is in WAL mode.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from bson import ObjectId

from gemtap.incident import Incident
from gemtap.interaction import Interaction, Side
from gemtap.stores.annotations import checked
from gemtap.stores.base import QUERY_SECONDS, Cursor, Fault, Filter, Page, Progress, Record, Searchable, Space
from gemtap.stores.links import After, Before, Linked, Move
from gemtap.stores.paging import ThreadCursor, page_of
from gemtap.stores.query.filter import thread_ids
from gemtap.stores.sqlite.annotating import annotate
from gemtap.stores.sqlite.bodies import BodyStore, counters
from gemtap.stores.sqlite.connections import ConnectionThreads, DatabaseFile, connect
from gemtap.stores.sqlite.counts import SqliteCounts
from gemtap.stores.sqlite.deleting import checkpoint, delete, space
from gemtap.stores.sqlite.errors import translated
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.incidents import read_incidents, write_incidents
from gemtap.stores.sqlite.integrity import verify
from gemtap.stores.sqlite.linking import move, read_children, read_linked, read_linked_after, read_links_of, resolved
from gemtap.stores.sqlite.reading import count, read, read_oldest, read_page, read_raw, read_recorded_since
from gemtap.stores.sqlite.repair import repair
from gemtap.stores.sqlite.scanning import last_place, read_batch, read_due
from gemtap.stores.sqlite.schema import open_prerelease, prepare
from gemtap.stores.sqlite.search_index import index_texts, tidy
from gemtap.stores.sqlite.statistics import Floats
from gemtap.stores.sqlite.threads import read_threads
from gemtap.stores.sqlite.upkeep import Upkeep
from gemtap.stores.sqlite.writing import replace, write
from gemtap.stores.statistics import Bucket, By, StatRow
from gemtap.stores.statistics.query import statistics
from gemtap.stores.thread_list import ThreadPage, ThreadSort

_READERS: Final = 3

T = TypeVar("T")


class SqliteStore:
    """See `gemtap.stores.base.Store`. Not to be opened again once it is closed."""

    def __init__(self, path: Path, *, prerelease: bool = False) -> None:
        """With `prerelease`, a database from before the first release may be read."""
        self._path = path
        self._file = DatabaseFile(path, partial(open_database, prerelease=prerelease))
        self._bodies = BodyStore()
        self._writer = ConnectionThreads(self._file, threads=1, name="sqlite-writer")
        self._readers = ConnectionThreads(self._file, threads=_READERS, name="sqlite-reader", seconds=QUERY_SECONDS)
        self._counts = SqliteCounts(self._read, self._write)
        self._upkeep = Upkeep(self._file)

    @property
    def description(self) -> str:
        """The address as `open_store` takes it."""
        return f"sqlite:///{self._path}"

    async def open(self) -> None:
        """Create the database if there is none. Raises StoreError if another version of Gemtap wrote it."""
        with translated(self._path):
            await self._writer.run(_answer)

    async def close(self) -> None:
        """Finish what has begun and close the file."""
        await self._upkeep.close()
        await self._readers.close()
        await self._writer.close()
        # The last connection to close checkpoints the write-ahead log.
        self._file.close()

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """Store the records in one transaction, on the disk when this returns."""
        with translated(self._path):
            present = await self._writer.run(lambda connection: write(connection, self._bodies, records))
        if records:
            self._upkeep.wake()
        return present

    async def replace(self, records: Sequence[Record]) -> int:
        """Store the records in place of those with the same ids, in one transaction; returns how many there were."""
        with translated(self._path):
            return await self._writer.run(lambda connection: replace(connection, self._bodies, records))

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, or None."""
        return await self._read(lambda connection: read(connection, self._bodies, id_))

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, or None where there is no such interaction."""
        return await self._read(lambda connection: read_raw(connection, self._bodies, id_, side))

    async def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        """A page of the list, newest first."""
        after = Cursor.decode(cursor) if cursor is not None else None
        items = await self._read(partial(read_page, where=await self._resolved(where), after=after, limit=limit + 1))
        return page_of(items, limit)

    async def recorded_since(self, moment: datetime, *, limit: int) -> list[dict[str, Any]]:
        """Documents without bodies by (`recorded_at`, `_id`) ascending."""
        return await self._read(partial(read_recorded_since, moment=moment, limit=limit))

    async def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every whole document that matches, oldest first."""
        where = await self._resolved(where)
        last = await self._read(partial(last_place, where=where))
        after: Cursor | None = None
        while last is not None:
            batch = await self._read(partial(read_batch, bodies=self._bodies, where=where, after=after, last=last))
            if not batch:
                return
            after = Cursor(batch[-1]["timestamp"], batch[-1]["_id"])
            for document in batch:
                yield document

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set what is given; False where there is no such interaction. Raises BadAnnotation."""
        fields = checked(tags, rating, note)
        with translated(self._path):
            return await self._writer.run(partial(annotate, id_=id_, fields=fields))

    async def linked(self, wanted: Sequence[Before]) -> list[Linked | None]:
        """For each wanted link the newest interaction before the place."""
        return await self._read(partial(read_linked, wanted=wanted))

    async def linked_after(self, wanted: Sequence[After]) -> list[Linked]:
        """The interactions that have one of the links after its place."""
        return await self._read(partial(read_linked_after, wanted=wanted))

    async def children(self, ids: Sequence[ObjectId]) -> list[Linked]:
        """The interactions whose parent is one of these."""
        return await self._read(partial(read_children, ids=ids))

    async def move(self, moves: Sequence[Move]) -> bool:
        """Change threads in one transaction."""
        return await self._write(partial(move, moves=moves))

    async def links_of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
        """The links that each of these interactions was stored with."""
        return await self._read(partial(read_links_of, ids=ids))

    async def oldest(self, where: Filter, *, limit: int, after: Cursor | None = None) -> list[dict[str, Any]]:
        """Documents without bodies, oldest first."""
        return await self._read(partial(read_oldest, where=await self._resolved(where), after=after, limit=limit))

    async def count(self, where: Filter) -> int:
        """How many interactions match."""
        return await self._read(partial(count, where=await self._resolved(where)))

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions in one transaction, and say how many there were."""
        with translated(self._path):
            return await self._writer.run(partial(delete, bodies=self._bodies, ids=ids))

    async def space(self, *, settled: bool = False) -> Space:
        """What the file takes up; `reclaim` settles it."""
        return await self._read(space)

    async def reclaim(self) -> AsyncIterator[Progress]:
        """Free the space of deleted interactions, and shrink the file. Raises StoreDamaged."""
        sweeper = ConnectionThreads(self._file, threads=1, name="sqlite-gc")
        try:
            with translated(self._path):
                await self.tidy_search()
                if not (await sweeper.run(counters))["deleted"]:
                    return  # the whole database would be read for nothing
                steps = await sweeper.run(sweep)
                while (step := await sweeper.run(lambda _: next(steps, None))) is not None:
                    yield Progress(step.done, step.of)
                await sweeper.run(checkpoint)
        finally:
            await sweeper.close()

    async def statistics(self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None) -> list[StatRow]:
        """What is told of the interactions that match."""
        return await statistics(self._counts, await self._resolved(where), bucket, by)

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """A page of the threads of which an interaction matches."""
        after = ThreadCursor.decode(cursor, sort) if cursor is not None else None
        return await self._read(
            partial(read_threads, where=await self._resolved(where), after=after, sort=sort, limit=limit)
        )

    async def unsearchable(self, *, limit: int) -> list[Interaction]:
        """Documents that were stored without their text, the newest first."""
        return await self._read(partial(read_due, bodies=self._bodies, limit=limit))

    async def make_searchable(self, texts: Iterable[Searchable]) -> None:
        """Let searches for words find these interactions."""
        with translated(self._path):
            await self._writer.run(partial(index_texts, texts=texts))

    async def tidy_search(self) -> None:
        """Drop the parts of the index that are mostly of what was deleted."""
        with translated(self._path):
            await self._writer.run(tidy)

    async def put_incidents(self, incidents: Sequence[Incident]) -> None:
        """Store what happened to recording, in one transaction."""
        with translated(self._path):
            await self._writer.run(partial(write_incidents, incidents=incidents))

    async def incidents(self, *, limit: int) -> list[Incident]:
        """What happened to recording, newest first."""
        return await self._read(partial(read_incidents, limit=limit))

    async def check(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """What is missing or not as it was stored."""
        checker = ConnectionThreads(self._file, threads=1, name="sqlite-check")
        try:
            with translated(self._path):
                tell = looked_at or (lambda _: None)
                # A new cache, since the question is what is on the disk.
                faults = await checker.run(lambda connection: verify(connection, BodyStore(), tell))
                while (fault := await checker.run(lambda _: next(faults, None))) is not None:
                    yield fault
        finally:
            await checker.close()

    async def repair(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Move the damage aside, keep the rest, and yield what is lost."""
        repairer = ConnectionThreads(self._file, threads=1, name="sqlite-repair")
        try:
            with translated(self._path):
                faults = await repairer.run(lambda connection: repair(connection, looked_at or (lambda _: None)))
                while (fault := await repairer.run(lambda _: next(faults, None))) is not None:
                    yield fault
        finally:
            await repairer.close()

    async def ping(self) -> None:
        """Return if the database can be read."""
        await self._read(_answer)

    async def _resolved(self, where: Filter) -> Filter:
        """The filter with the present ids of the threads that it names."""
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
