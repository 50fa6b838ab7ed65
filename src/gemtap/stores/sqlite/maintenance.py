"""Maintenance of the SQLite store, each task in a thread with its own connection."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TypeVar

from gemtap.stores.maintenance import Fault, Progress, Space
from gemtap.stores.sqlite.bodies import BodyStore, counters
from gemtap.stores.sqlite.connections import ConnectionThreads, DatabaseFile, Run
from gemtap.stores.sqlite.deleting import checkpoint, space
from gemtap.stores.sqlite.errors import translated
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.integrity import verify
from gemtap.stores.sqlite.repair import repair
from gemtap.stores.sqlite.search_index import tidy

T = TypeVar("T")


class SqliteMaintenance:
    """See `gemtap.stores.maintenance.Maintenance`."""

    def __init__(self, file: DatabaseFile, read: Run) -> None:
        self._file = file
        self._read = read

    async def space(self, *, settled: bool = False) -> Space:
        """Disk space of the file. `reclaim` settles it."""
        return await self._read(space)

    async def reclaim(self) -> AsyncIterator[Progress]:
        """Collect garbage and shrink the file. Raises StoreDamaged."""
        async for step in self._in_thread(_reclaim, "sqlite-gc"):
            yield step

    async def check(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Yield what is missing or damaged."""
        # With a new cache, since the question is what is on the disk.
        check = partial(verify, bodies=BodyStore(), looked_at=looked_at or _ignore)
        async for fault in self._in_thread(check, "sqlite-check"):
            yield fault

    async def repair(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Quarantine the damage, keep the rest, and yield what is lost."""
        async for fault in self._in_thread(partial(repair, looked_at=looked_at or _ignore), "sqlite-repair"):
            yield fault

    async def _in_thread(self, task: Callable[[sqlite3.Connection], Iterator[T]], name: str) -> AsyncIterator[T]:
        """Run the steps of a task one by one, for as long as the caller asks for more."""
        thread = ConnectionThreads(self._file, threads=1, name=name)
        try:
            with translated(self._file.path):
                steps = await thread.run(task)
                while (step := await thread.run(lambda _: next(steps, None))) is not None:
                    yield step
        finally:
            await thread.close()


def _reclaim(connection: sqlite3.Connection) -> Iterator[Progress]:
    tidy(connection)
    if not counters(connection)["deleted"]:
        return  # sweeping would read the whole database for nothing
    for step in sweep(connection):
        yield Progress(step.done, step.of)
    checkpoint(connection)


def _ignore(_: int) -> None:
    pass
