"""Interactions whose search text is due, see `gemtap.stores.search_index`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import partial

from gemtap.interaction import Interaction
from gemtap.stores.search_index import Searchable
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.connections import Run, transaction
from gemtap.stores.sqlite.reading import WHOLE
from gemtap.stores.sqlite.rows import summary
from gemtap.stores.sqlite.scanning import batch_of
from gemtap.stores.sqlite.search_index import ROW, SearchWriter


class SqliteSearchIndex:
    """See `gemtap.stores.search_index.SearchIndex`."""

    def __init__(self, read: Run, write: Run, bodies: BodyStore) -> None:
        self._read = read
        self._write = write
        self._bodies = bodies

    async def due(self, *, limit: int) -> list[Interaction]:
        """Documents without text, the last stored first."""
        return await self._read(partial(_read_due, bodies=self._bodies, limit=limit))

    async def add(self, texts: Iterable[Searchable]) -> None:
        """Index these texts in one transaction."""
        await self._write(partial(_index_texts, texts=texts))


def _read_due(connection: sqlite3.Connection, bodies: BodyStore, limit: int) -> list[Interaction]:
    with transaction(connection, "DEFERRED"):
        rows = connection.execute(
            f"SELECT {WHOLE} FROM search_due JOIN interactions ON number = interaction "  # noqa: S608 - our own names
            "ORDER BY interaction DESC LIMIT ?",
            (limit,),
        )
        with closing(rows):
            return batch_of(connection, bodies, rows)


def _index_texts(connection: sqlite3.Connection, texts: Iterable[Searchable]) -> None:
    with transaction(connection, "IMMEDIATE"):
        writer = SearchWriter(connection)
        for id_, text, note, thread in texts:
            cursor = connection.execute(
                f"SELECT {ROW} FROM interactions JOIN search_due ON interaction = number WHERE id = ?",  # noqa: S608
                (id_.binary,),
            )
            values = cursor.fetchone()
            if values is None:
                continue
            row = dict(zip((name for name, *_ in cursor.description), values, strict=True))
            document = summary(row["document"])
            if (document["note"], document["thread"]) != (note, thread):
                continue  # changed since the text was made: still due
            writer.replace(row["number"], row, text)
            connection.execute("DELETE FROM search_due WHERE interaction = ?", (row["number"],))
        writer.finish()
