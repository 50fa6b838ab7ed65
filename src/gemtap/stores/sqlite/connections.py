"""Connections to the database file, and the threads that hold them."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeVar

_BUSY_TIMEOUT_S: Final = 10.0
_WAL_LEFT_BEHIND_BYTES: Final = 64 * 1024 * 1024

T = TypeVar("T")


class _Connection(sqlite3.Connection):
    """A connection that takes turns with the others of this process when it writes.

    SQLite's own lock knows no turns: who waits for it looks now and then whether it is free, and beside somebody who
    writes one transaction after the other never finds it so.
    """

    turns: threading.Lock


@cache
def _turns_of(path: Path) -> threading.Lock:
    return threading.Lock()


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the database, in autocommit mode; a missing file is made, for its owner alone to read.

    Raises sqlite3.Error and OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # SQLite gives the -wal and -shm files the same mode. Only a file that is not there yet may be opened here:
        # closing one would let go of the locks that this process's other connections hold on it, and the next process
        # to close the database would take itself for the last one and delete the write-ahead log under them
        # (https://sqlite.org/howtocorrupt.html, section 2.2).
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    # The thread that closes a connection is not the one that used it.
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, factory=_Connection
    )
    connection.turns = _turns_of(path.resolve())
    try:
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            # Has no effect once anything is written, and switching to WAL writes the first page.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LEFT_BEHIND_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, kind: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[None]:
    """One transaction: `DEFERRED` to read one state of the database, `IMMEDIATE` to write."""
    turn: AbstractContextManager[object] = nullcontext()
    if kind == "IMMEDIATE" and isinstance(connection, _Connection):
        turn = connection.turns
    with turn:
        connection.execute(f"BEGIN {kind}")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # A full disk or an I/O error may have rolled it back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@dataclass(frozen=True, slots=True)
class _Held:
    connection: sqlite3.Connection
    file: tuple[int, int]


class ConnectionThreads:
    """A few threads, each with its own connection, which is opened when it is first needed."""

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection], *, threads: int, name: str) -> None:
        self._path = path
        self._connect = connect
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._held: dict[int, _Held] = {}

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, called with a connection in one of the threads.

        Cancelling the caller does not stop work that has begun.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._call, work)

    def begin(self, work: Callable[[sqlite3.Connection], object]) -> Future[object]:
        """Have `work` done in one of the threads, with nobody waiting for it."""
        return self._executor.submit(self._call, work)

    async def close(self) -> None:
        """Wait for work that has begun and close the connections."""
        await asyncio.to_thread(self._executor.shutdown)
        while self._held:
            _, held = self._held.popitem()
            held.connection.close()

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self._connection())

    def _connection(self) -> sqlite3.Connection:
        thread = threading.get_ident()
        held = self._held.get(thread)
        if held is not None:
            if _identity(self._path) == held.file:
                return held.connection
            # Somebody has deleted or replaced the file. SQLite would go on writing to the one that has no name
            # any more, and all of it would be lost.
            del self._held[thread]
            held.connection.close()
        connection = self._connect(self._path)
        file = _identity(self._path)
        if file is None:
            connection.close()
            raise FileNotFoundError(f"{self._path} vanished while it was opened")
        self._held[thread] = _Held(connection, file)
        return connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
