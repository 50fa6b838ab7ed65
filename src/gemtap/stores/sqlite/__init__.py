"""The SQLite store: the embedded default, one file and no server."""

from gemtap.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
