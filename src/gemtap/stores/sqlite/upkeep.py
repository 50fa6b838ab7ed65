"""Upkeep, in small steps beside recording: packs merged into larger ones, bodies of earlier versions moved over.

A pack is written as its pieces come, quickly compressed, and compresses badly, being small. Here it takes the time to
do better. Compressing happens outside of the transactions, which are short.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import zstandard

from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.connections import ConnectionThreads, transaction
from gemtap.stores.sqlite.packs import FINAL, FRESH, Pack, PackHead, heads, insert_pack, pack_of, read_pack

_log = logging.getLogger(__name__)

_TIERS: Final = {FRESH: (2 * 2**20, 1), 1: (16 * 2**20, FINAL)}
"""How many bytes of neighbouring packs of a tier, before compression, become one pack, and of which tier."""

_NICE: Final = 10

_MOST_GAPS: Final = 10_000
"""Numbers without a piece that may be between packs which are merged."""

_MOVED_AT_ONCE: Final = 20
_FREE_PAGES: Final = 1_000
_CHUNK: Final = 2**18


class Stopped(Exception):
    """Whoever called wants no more of it now."""


def never() -> bool:
    """For those who want it all."""
    return False


class Upkeep:
    """A thread that does what is to be done after records were written."""

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection], bodies: BodyStore) -> None:
        self._thread = ConnectionThreads(path, connect, threads=1, name="sqlite-upkeep")
        self._bodies = bodies
        self._closing = threading.Event()
        self._work: Future[object] | None = None

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
        except Stopped:
            pass
        except Exception:
            # Nothing is lost by it, and the next records wake it again.
            _log.exception("The database's upkeep failed")


def _yield_to_others() -> None:
    """Let this thread have what processors others leave it, where the system can do that for a single thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def upkeep_step(connection: sqlite3.Connection, bodies: BodyStore, stopping: Callable[[], bool] = never) -> bool:
    """Do one thing that is to be done; False where there is nothing. Raises Stopped when `stopping` says so."""
    if stopping():
        raise Stopped
    return move_whole_bodies(connection, bodies) or _merge(connection, stopping) or give_back(connection)


def give_back(connection: sqlite3.Connection, pages: int = _FREE_PAGES) -> bool:
    """Give up to so many free pages back to the disk, if there are that many; whether there were."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free < pages:
        return False
    # One page goes with each row that is read of it.
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    (left,) = connection.execute("PRAGMA freelist_count").fetchone()
    return bool(left < free)


def _merge(connection: sqlite3.Connection, stopping: Callable[[], bool]) -> bool:
    for tier, (wanted, next_tier) in _TIERS.items():
        run = _run(heads(connection, tier), wanted)
        if run:
            merged = _merged([read_pack(connection, head.first) for head in run])
            _replace(connection, run, merged, compressed(merged.data, stopping), next_tier)
            return True
    return False


def _run(found: Sequence[PackHead], wanted: int) -> list[PackHead]:
    """The first packs that follow one another and have so many bytes together; none where there are none."""
    run: list[PackHead] = []
    size = 0
    for head in found:
        if run and not 0 <= head.first - run[-1].first - run[-1].span <= _MOST_GAPS:
            run, size = [], 0
        run.append(head)
        size += head.size
        if size >= wanted:
            return run
    return []


def _merged(packs: Sequence[Pack]) -> Pack:
    pieces: list[bytes] = []
    first = packs[0].first
    for pack in packs:
        pieces += [b""] * (pack.first - first - len(pieces))
        pieces += [pack.piece(number) for number in range(pack.first, pack.first + pack.span)]
    return pack_of(first, pieces)


def _replace(connection: sqlite3.Connection, old: Sequence[PackHead], new: Pack, compressed: bytes, tier: int) -> None:
    """Put a pack in the place of others, unless somebody has changed them."""
    first, last = old[0].first, old[-1].first
    with transaction(connection, "IMMEDIATE"):
        between = [head for head in heads(connection, after=first - 1) if head.first <= last]
        if between == list(old):
            connection.execute("DELETE FROM packs WHERE first BETWEEN ? AND ?", (first, last))
            insert_pack(connection, new, compressed, tier)


def compressed(data: bytes, stopping: Callable[[], bool] = never) -> bytes:
    """As small as zstd makes it within seconds. Raises Stopped."""
    parameters = zstandard.ZstdCompressionParameters(
        window_log=max(10, min(24, (len(data) - 1).bit_length())),
        # Of level 19, but with a window over all of a pack.
        chain_log=24,
        hash_log=22,
        search_log=7,
        min_match=3,
        target_length=256,
        strategy=zstandard.STRATEGY_BTULTRA2,
        write_checksum=True,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=len(data))
    parts = []
    for start in range(0, len(data), _CHUNK):
        if stopping():
            raise Stopped
        parts.append(compressor.compress(data[start : start + _CHUNK]))
    parts.append(compressor.flush())
    return b"".join(parts)


def move_whole_bodies(connection: sqlite3.Connection, bodies: BodyStore) -> bool:
    """Keep some bodies of earlier versions as pieces; False where there are none."""
    columns = ("request_raw", "request_value", "response_raw", "response_value")
    writer = bodies.writing(connection)
    with transaction(connection, "IMMEDIATE"):
        rows = connection.execute(
            f"SELECT number, {', '.join(columns)} FROM interactions"  # noqa: S608 - our own names
            " WHERE request_raw < 0 OR request_value < 0 OR response_raw < 0 OR response_value < 0 LIMIT ?",
            (_MOVED_AT_ONCE,),
        ).fetchall()
        for number, *references in rows:
            moved = [
                writer.put(bodies.get(connection, reference)) if reference is not None and reference < 0 else reference
                for reference in references
            ]
            connection.execute(
                f"UPDATE interactions SET {', '.join(f'{name} = ?' for name in columns)} WHERE number = ?",  # noqa: S608
                (*moved, number),
            )
            for reference in references:
                if reference is not None and reference < 0:
                    bodies.delete(connection, reference)
        writer.finish()
    writer.committed()
    return bool(rows)
