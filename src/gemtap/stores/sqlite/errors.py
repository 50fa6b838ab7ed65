"""SQLite's errors in words: what happened to the database file and what to do about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gemtap.stores.base import QueryTooSlow, StoreUnavailable

# By primary result code: https://www.sqlite.org/rescode.html
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full. Free some space",
    sqlite3.SQLITE_BUSY: "another process has kept it locked. End that process, or wait",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Check that the folder exists and may be written to",
    sqlite3.SQLITE_READONLY: "it may not be written to. Check the permissions of the file and of its folder",
    sqlite3.SQLITE_IOERR: "the disk refuses to read or write. Check the disk, its quota and its free space",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database. Choose another file, or move this one away",
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged. Stop Gemtap, then restore a backup or move the file away; "
        "`sqlite3 FILE .recover` may save what is in it"
    ),
}


class DamagedFile(sqlite3.DatabaseError):
    """SQLite reads the file, but rows in it break the rules of their tables."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's and the system's errors as StoreUnavailable."""
    try:
        yield
    except sqlite3.Error as exc:
        # An extended code holds the primary one in its low byte; errors of the Python module have none.
        code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            raise QueryTooSlow from exc
        advice = _ADVICE.get(code, "it cannot be used")
        raise StoreUnavailable(f"The database {path}: {advice} ({exc}).") from exc
    except OSError as exc:
        raise StoreUnavailable(
            f"The database {path} cannot be opened: {exc.strerror or exc}. Check the path and its permissions."
        ) from exc
