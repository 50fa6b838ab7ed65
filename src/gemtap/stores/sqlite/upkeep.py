"""Upkeep: a thread that compacts, collects garbage, tidies the search index and shrinks the file.

It works in small steps beside recording.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from gemtap.stores.sqlite.bodies import counters
from gemtap.stores.sqlite.compaction import TIERS, Stopped, Tiers, merge, never
from gemtap.stores.sqlite.connections import ConnectionThreads, DatabaseFile
from gemtap.stores.sqlite.damage import StoreDamaged
from gemtap.stores.sqlite.deleting import vacuum_step
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.search_index import tidy

_log = logging.getLogger(__name__)

_NICE: Final = 10

_SWEPT_FROM: Final = 500
_SWEPT_SHARE: Final = 20
"""Garbage is collected from this number of deleted bodies on, if they are one in this many of all bodies."""

_SWEPT_EVERY: Final = 3_600.0
"""Minimum seconds between two collections. Pruning collects garbage itself: see `SqliteMaintenance.reclaim`."""

_FREE_FROM: Final = 4_000
_FREE_SHARE: Final = 4
"""The file is shrunk from this number of free pages on, if they are one in this many of all pages."""


class Upkeep:
    """A thread that maintains the database after records were written."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._thread = ConnectionThreads(file, threads=1, name="sqlite-upkeep")
        self._closing = threading.Event()
        self._work: Future[object] | None = None
        self._swept_at = time.monotonic()
        self._reported: str | None = None

    def wake(self) -> None:
        """Start upkeep, unless it is running."""
        if self._work is None or self._work.done():
            self._work = self._thread.begin(self._run)

    async def close(self) -> None:
        """Stop early. The next run does what is left."""
        self._closing.set()
        await self._thread.close()

    def _run(self, connection: sqlite3.Connection) -> None:
        _yield_to_others()
        try:
            while upkeep_step(connection, self._stopping):
                pass
            if time.monotonic() - self._swept_at > _SWEPT_EVERY:
                self._swept_at = time.monotonic()
                tidy(connection)
                _sweep_if_worth_it(connection, self._stopping)
        except Stopped:
            pass
        except StoreDamaged as exc:
            # The damage is noted in the database, and each run would find it again.
            if str(exc) != self._reported:
                self._reported = str(exc)
                _log.error("%s", exc)
        except sqlite3.OperationalError as exc:
            # Another process writes, or the disk is full. The recorder reports what lasts.
            _log.info("The upkeep of the database is postponed: %s", exc)
        except Exception:
            # Nothing is lost, and the next records start upkeep again.
            _log.exception("The upkeep of the database failed")

    def _stopping(self) -> bool:
        # If the file was replaced, every connection waits for this one to let go of it.
        return self._closing.is_set() or self._file.is_replaced


def _yield_to_others() -> None:
    """Lower the priority of this thread, if the system can do that for a single thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def upkeep_step(connection: sqlite3.Connection, stopping: Callable[[], bool] = never, tiers: Tiers = TIERS) -> bool:
    """Do one piece of work. False if there is none. Raises Stopped if `stopping` returns true, and StoreDamaged."""
    if stopping():
        raise Stopped
    return merge(connection, stopping, tiers) or _vacuum_if_worth_it(connection)


def _sweep_if_worth_it(connection: sqlite3.Connection, stopping: Callable[[], bool]) -> None:
    counted = counters(connection)
    if counted["deleted"] < max(_SWEPT_FROM, counted["bodies"] // _SWEPT_SHARE):
        return
    for _ in sweep(connection, stopping):
        pass


def _vacuum_if_worth_it(connection: sqlite3.Connection) -> bool:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    return vacuum_step(connection, least=max(_FREE_FROM, pages // _FREE_SHARE))
