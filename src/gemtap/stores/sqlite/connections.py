"""Connections to the database file, and the threads that use them.

A database may be replaced while Gemtap runs: somebody renames a backup into its place, or moves it away. A connection
then still reads and writes the old file, and SQLite would use the old file's write-ahead log for the new one. There are
three cases:

- The path still leads to the file that is open: nothing to do.
- It leads to another file, or to none: every connection of this store finishes what it does, the old file gets the
  content of its write-ahead log, all connections close, and the next use opens the file that is there now.
- The file was replaced while a connection wrote to it: the write succeeded, in a file that nobody will read. It fails
  here, so that the caller repeats it in the new file.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

from gemtap.stores.base import StoreUnavailable

_log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S: Final = 10.0
_WAL_LEFT_BEHIND_BYTES: Final = 64 * 1024 * 1024

_INSTRUCTIONS: Final = 100_000
"""Instructions of SQLite's virtual machine, about a millisecond, after which it asks whether to go on."""

T = TypeVar("T")


class _Connection(sqlite3.Connection):
    """A connection that takes turns with the other writers of this process.

    SQLite's own lock is not fair: a writer polls it, and never finds it free beside one that writes transaction after
    transaction.
    """

    turns: threading.Lock


@cache
def _turns_of(path: Path) -> threading.Lock:
    return threading.Lock()


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the database, in autocommit mode. A missing file is created, readable by its owner only.

    Raises sqlite3.Error and OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # SQLite gives the -wal and -shm files the same mode. Only a file that does not exist may be opened here:
        # closing an existing one would release the locks of this process's other connections, and the next process to
        # close the database would take itself for the last one and delete the write-ahead log under them
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
        # What is deleted is overwritten. Some distributions compile SQLite so that this is the default.
        connection.execute("PRAGMA secure_delete = ON")
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


class Run(Protocol):
    """Runs work in a thread with its own connection, and returns the result."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Raises StoreError."""
        ...


class DatabaseFile:
    """One database file, and the connections of one store to it: one for each thread that uses it."""

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
        self.path = path
        self._connect = connect
        self._identity: _Identity | None = None
        self._log_identity: _Identity | None = None
        self._connections: dict[int, sqlite3.Connection] = {}
        self._running = 0
        self._state = threading.Condition(threading.RLock())

    @property
    def is_replaced(self) -> bool:
        """Whether the path no longer leads to the file that the connections have open."""
        return self._identity is not None and _identity(self.path) != self._identity

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection. Raises sqlite3.Error, OSError, and StoreUnavailable if the file was replaced."""
        with self._state:
            if self.is_replaced:
                self._state.wait_for(lambda: self._running == 0)
                # Another thread may have done this while this one waited.
                if self.is_replaced:
                    self._leave_old_file()
            connection = self._of_this_thread()
            self._running += 1
        changes = connection.total_changes
        try:
            yield connection
            if connection.total_changes != changes and self.is_replaced:
                raise StoreUnavailable(f"The database {self.path} was replaced by another file while it was in use.")
        finally:
            with self._state:
                self._running -= 1
                self._state.notify_all()

    def close(self, threads: Iterable[int] | None = None) -> None:
        """Close the connections of these threads, or all. None of them may be in use."""
        with self._state:
            for thread in list(self._connections) if threads is None else threads:
                connection = self._connections.pop(thread, None)
                if connection is not None:
                    connection.close()
            if not self._connections:
                self._identity = self._log_identity = None

    def _of_this_thread(self) -> sqlite3.Connection:
        thread = threading.get_ident()
        connection = self._connections.get(thread)
        if connection is None:
            connection = self._connect(self.path)
            identity = _identity(self.path)
            if identity is None or self._identity not in (None, identity):
                connection.close()
                raise FileNotFoundError(f"{self.path} vanished while it was opened")
            self._identity = identity
            self._log_identity = _identity(_beside(self.path, "-wal"))
            self._connections[thread] = connection
        return connection

    def _leave_old_file(self) -> None:
        """Complete the old file, close its connections, and let the new file not inherit its write-ahead log."""
        _log.warning("%s was replaced or removed. The file that is there now is used from here on.", self.path)
        try:
            # Wherever the old file was moved to, it must be complete without its log.
            next(iter(self._connections.values())).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:
            _log.exception("The write-ahead log of the replaced database could not be checkpointed")
        log = _beside(self.path, "-wal")
        is_old = self._log_identity is not None and _identity(log) == self._log_identity
        self.close()
        if is_old and log.exists():
            # SQLite leaves the files of a database that has moved. The new database must not read them.
            _beside(self.path, "-shm").unlink(missing_ok=True)
            if log.stat().st_size:
                log.rename(_beside(self.path, "-wal.replaced"))
            else:
                log.unlink()


class ConnectionThreads:
    """A few threads that work with one database file."""

    def __init__(self, file: DatabaseFile, *, threads: int, name: str, seconds: float | None = None) -> None:
        """`seconds`: after so many, SQLite interrupts what it does: sqlite3.OperationalError, SQLITE_INTERRUPT."""
        self._file = file
        self._seconds = seconds
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads: set[int] = set()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`, called with a connection in one of the threads.

        Cancelling the caller does not stop work that has begun.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._call, work)

    def begin(self, work: Callable[[sqlite3.Connection], object]) -> Future[object]:
        """Start `work` in one of the threads, without waiting for it."""
        return self._executor.submit(self._call, work)

    async def close(self) -> None:
        """Wait for work that has begun, and close the connections."""
        await asyncio.to_thread(self._executor.shutdown)
        self._file.close(self._threads)

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._threads.add(threading.get_ident())
        with self._file.connection() as connection:
            if self._seconds is None:
                return work(connection)
            deadline = time.monotonic() + self._seconds
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
            try:
                return work(connection)
            finally:
                connection.set_progress_handler(None, 0)


_Identity = tuple[int, int]


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
