"""The SQLite store: the embedded default, one file and no server."""

from __future__ import annotations

import sqlite3

from gemtap.store_kinds import FORMS, file_of
from gemtap.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "driver", "from_url"]


def from_url(url: str, *, prerelease: bool) -> SqliteStore:
    """See `gemtap.stores.opening.StorePackage`."""
    path = file_of(url)
    if path is None or str(path) in (".", ":memory:"):
        raise ValueError(f"A store is {FORMS}, and {url} names no file.")
    return SqliteStore(path, prerelease=prerelease)


def driver() -> tuple[str, str]:
    """See `gemtap.stores.opening.StorePackage`."""
    return "SQLite", sqlite3.sqlite_version
