"""Scans: read all matching documents in batches, each in a short transaction of its own.

A transaction that stays open would prevent checkpoints of the write-ahead log for the duration of the scan:
https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import islice
from typing import Any, Final

from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.stores.base import Filter
from gemtap.stores.paging import from_milliseconds
from gemtap.stores.place import Place
from gemtap.stores.query.filter import asks_for_words
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.conditions import clauses_of
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.queries import list_query
from gemtap.stores.sqlite.reading import WHOLE, whole
from gemtap.stores.sqlite.searching import found_rows

_Rows = Generator[tuple[Any, ...], None, None] | sqlite3.Cursor

_BATCH: Final = 200
_BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch ends once its bodies, as sent over the wire, exceed this."""


def last_place(connection: sqlite3.Connection, where: Filter) -> Place | None:
    """The place at which a scan that begins now ends, or None if nothing matches."""
    with transaction(connection, "DEFERRED"):
        if asks_for_words(where):
            rows: _Rows = found_rows(connection, where, "timestamp, id", newest_first=True)
        else:
            rows = connection.execute(*list_query(clauses_of(where), "newest", None, 1, columns="timestamp, id"))
        with closing(rows):
            found = next(iter(rows), None)
    return None if found is None else Place(from_milliseconds(found[0]), ObjectId(found[1]))


def read_batch(
    connection: sqlite3.Connection, bodies: BodyStore, where: Filter, after: Place | None, last: Place
) -> list[Interaction]:
    """The next documents of a scan, from just after one place up to and including the last; none at its end."""
    with transaction(connection, "DEFERRED"):
        if asks_for_words(where):
            rows: _Rows = found_rows(connection, where, WHOLE, newest_first=False, after=after, last=last)
        else:
            query = list_query(clauses_of(where), "oldest", after, _BATCH, last=last, columns=WHOLE)
            rows = connection.execute(*query)
        with closing(rows):
            return batch_of(connection, bodies, islice(rows, _BATCH))


def batch_of(connection: sqlite3.Connection, bodies: BodyStore, rows: Iterable[tuple[Any, ...]]) -> list[Interaction]:
    """The documents of the rows, up to a few megabytes of them."""
    batch: list[Interaction] = []
    size = 0
    for row in rows:
        document = whole(connection, bodies, row)
        batch.append(document)
        size += sum(part["body_bytes"] for part in (document["request"], document["response"]) if part)
        if size > _BATCH_BYTES:
            break
    return batch
