"""Deletes interactions, and measures and shrinks the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from bson import ObjectId

from gemtap.stores.maintenance import Space
from gemtap.stores.sqlite.bodies import BodyStore, counters
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.linking import delete_links

_PAGES_AT_ONCE: Final = 512
"""Number of pages that one transaction frees: two megabytes, in a few milliseconds."""


def delete(connection: sqlite3.Connection, bodies: BodyStore, ids: Sequence[ObjectId]) -> int:
    """Delete these interactions in one transaction, and return how many existed."""
    with transaction(connection, "IMMEDIATE"):
        return sum(_delete(connection, bodies, id_) for id_ in ids)


def _delete(connection: sqlite3.Connection, bodies: BodyStore, id_: ObjectId) -> bool:
    found = connection.execute("SELECT number FROM interactions WHERE id = ?", (id_.binary,)).fetchone()
    if found is None:
        return False
    delete_row(connection, bodies, found[0])
    return True


def delete_row(connection: sqlite3.Connection, bodies: BodyStore, number: int) -> None:
    """Delete a row and its links, in a transaction of the caller. A foreign key deletes its tags.

    `gc.sweep` frees the parts of its bodies that no other interaction has.
    """
    id_, *references = connection.execute(
        "DELETE FROM interactions WHERE number = ?"
        " RETURNING id, request_raw, request_value, response_raw, response_value",
        (number,),
    ).fetchone()
    for reference in references:
        if reference is not None:
            bodies.delete(connection)
    delete_links(connection, ObjectId(id_))


def space(connection: sqlite3.Connection) -> Space:
    """Disk space of the file, as if the write-ahead log were checkpointed.

    The space that only deleted bodies use is unknown before garbage collection: `content` assumes that each body has an
    equal share of the packs.
    """
    page, pages, free = (_number(connection, name) for name in ("page_size", "page_count", "freelist_count"))
    used = page * (pages - free)
    (packed,) = connection.execute("SELECT coalesce(sum(length(zstd)), 0) FROM packs").fetchone()
    counted = counters(connection)
    deleted, there = counted["deleted"], counted["bodies"]
    return Space(used=used, free=page * free, content=used - packed * deleted // max(deleted + there, 1))


def checkpoint(connection: sqlite3.Connection) -> None:
    """Checkpoint the write-ahead log, which shortens the file.

    PASSIVE neither blocks nor waits: pages that a reader needs stay for the next checkpoint.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def vacuum_step(connection: sqlite3.Connection, least: int = 1) -> bool:
    """Shrink the file by a few megabytes if it has at least this many free pages. Returns whether it did."""
    free = _number(connection, "freelist_count")
    if free < least:
        return False
    # The pragma frees one page per row. Its rows have no columns, so that a cursor would stop at the first one; a
    # script runs to its end.
    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
    return _number(connection, "freelist_count") < free


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
