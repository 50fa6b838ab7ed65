"""Upkeep: a thread that looks after what was written, in small steps beside recording, for as long as records come."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from gemtap.stores.sqlite.bodies import BodyStore, counters
from gemtap.stores.sqlite.compaction import TIERS, Stopped, Tiers, merge, never
from gemtap.stores.sqlite.connections import ConnectionThreads
from gemtap.stores.sqlite.deleting import vacuum_step
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.whole_bodies import move_whole_bodies

_log = logging.getLogger(__name__)

_NICE: Final = 10

_SWEPT_FROM: Final = 500
_SWEPT_SHARE: Final = 20
"""Deleted bodies, at least, and one of so many that there are, for which it is worth it to look through all packs."""

_SWEPT_EVERY: Final = 3_600.0
"""Seconds, at least: whoever deletes much sweeps by himself, see `SqliteStore.reclaim`."""

_FREE_FROM: Final = 4_000
_FREE_SHARE: Final = 4
"""Free pages, at least, and one of so many that there are, for which the file is made shorter."""


class Upkeep:
    """A thread that does what is to be done after records were written."""

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection], bodies: BodyStore) -> None:
        self._thread = ConnectionThreads(path, connect, threads=1, name="sqlite-upkeep")
        self._bodies = bodies
        self._closing = threading.Event()
        self._work: Future[object] | None = None
        self._swept_at = time.monotonic()

    def wake(self) -> None:
        """Look after what was written, unless that is under way."""
        if self._work is None or self._work.done():
            self._work = self._thread.begin(self._run)

    async def close(self) -> None:
        """Break off, without loss: whatever is not done yet is done another time."""
        self._closing.set()
        await self._thread.close()

    def _run(self, connection: sqlite3.Connection) -> None:
        _yield_to_others()
        try:
            while upkeep_step(connection, self._bodies, self._closing.is_set):
                pass
            if time.monotonic() - self._swept_at > _SWEPT_EVERY:
                self._swept_at = time.monotonic()
                _sweep_if_worth_it(connection, self._bodies, self._closing.is_set)
        except Stopped:
            pass
        except sqlite3.OperationalError as exc:
            # Another process writes, or the disk is full: the recorder tells of what lasts.
            _log.info("The database's upkeep is put off: %s", exc)
        except Exception:
            # Nothing is lost by it, and the next records wake it again.
            _log.exception("The database's upkeep failed")


def _yield_to_others() -> None:
    """Let this thread have what processors others leave it, where the system can do that for a single thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def upkeep_step(
    connection: sqlite3.Connection, bodies: BodyStore, stopping: Callable[[], bool] = never, tiers: Tiers = TIERS
) -> bool:
    """Do one thing that is to be done; False where there is nothing. Raises Stopped when `stopping` says so."""
    if stopping():
        raise Stopped
    return (
        move_whole_bodies(connection, bodies) or merge(connection, stopping, tiers) or _vacuum_if_worth_it(connection)
    )


def _sweep_if_worth_it(connection: sqlite3.Connection, bodies: BodyStore, stopping: Callable[[], bool]) -> None:
    counted = counters(connection)
    if counted["deleted"] < max(_SWEPT_FROM, counted["bodies"] // _SWEPT_SHARE):
        return
    for _ in sweep(connection, bodies, stopping):
        pass


def _vacuum_if_worth_it(connection: sqlite3.Connection) -> bool:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    return vacuum_step(connection, least=max(_FREE_FROM, pages // _FREE_SHARE))
