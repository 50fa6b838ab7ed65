"""Saved searches, in a table of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

from gemtap.stores.paging import from_milliseconds, milliseconds
from gemtap.stores.saved_searches import SavedSearch, name_taken
from gemtap.stores.sqlite.connections import Run, transaction


class SqliteSearches:
    """See `gemtap.stores.saved_searches.SavedSearches`."""

    def __init__(self, read: Run, write: Run) -> None:
        self._read = read
        self._write = write

    async def all(self) -> Sequence[SavedSearch]:
        """All of them, by name."""
        return await self._read(_all)

    async def put(self, search: SavedSearch) -> None:
        """Save a search, in place of one with the same name."""
        await self._write(partial(_put, search=search))

    async def rename(self, old: str, new: str) -> bool:
        """Give a search another name; False if there is none. Raises BadSearch if another one has the new name."""
        return await self._write(partial(_rename, old=old, new=new))

    async def delete(self, name: str) -> bool:
        """Delete a search; False if there is none."""
        return await self._write(partial(_delete, name=name))


def _all(connection: sqlite3.Connection) -> list[SavedSearch]:
    rows = connection.execute("SELECT name, query, saved_at FROM gemtap_searches ORDER BY name")
    return [{"name": name, "query": query, "saved_at": from_milliseconds(at)} for name, query, at in rows]


def _put(connection: sqlite3.Connection, search: SavedSearch) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO gemtap_searches (name, query, saved_at) VALUES (?, ?, ?)",
        (search["name"], search["query"], milliseconds(search["saved_at"])),
    )


def _rename(connection: sqlite3.Connection, old: str, new: str) -> bool:
    with transaction(connection, "IMMEDIATE"):
        taken = connection.execute("SELECT 1 FROM gemtap_searches WHERE name = ?", (new,)).fetchone() is not None
        if taken and new != old:
            raise name_taken(new)
        return connection.execute("UPDATE gemtap_searches SET name = ? WHERE name = ?", (new, old)).rowcount == 1


def _delete(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("DELETE FROM gemtap_searches WHERE name = ?", (name,)).rowcount == 1
