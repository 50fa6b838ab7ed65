"""Deleting interactions, and what the file takes up."""

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
"""Pages that go back to the disk in one transaction: two megabytes, a few milliseconds."""


def delete(connection: sqlite3.Connection, bodies: BodyStore, ids: Sequence[ObjectId]) -> int:
    """Delete these interactions in one transaction, and say how many there were."""
    with transaction(connection, "IMMEDIATE"):
        return sum(_delete(connection, bodies, id_) for id_ in ids)


def _delete(connection: sqlite3.Connection, bodies: BodyStore, id_: ObjectId) -> bool:
    found = connection.execute("SELECT number FROM interactions WHERE id = ?", (id_.binary,)).fetchone()
    if found is None:
        return False
    delete_row(connection, bodies, found[0])
    return True


def delete_row(connection: sqlite3.Connection, bodies: BodyStore, number: int) -> None:
    """Delete a row and its links, within a transaction of the caller's. Its tags go by themselves.

    What of its bodies nobody else has is freed later, by `gc.sweep`.
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
    """What the file takes up. What the write-ahead log holds is counted as if it were folded in.

    How much of it deleted bodies had for themselves is not known until it is swept away: `content` supposes that each
    has its share of what the packs take up.
    """
    page, pages, free = (_number(connection, name) for name in ("page_size", "page_count", "freelist_count"))
    used = page * (pages - free)
    (packed,) = connection.execute("SELECT coalesce(sum(length(zstd)), 0) FROM packs").fetchone()
    counted = counters(connection)
    deleted, there = counted["deleted"], counted["bodies"]
    return Space(used=used, free=page * free, content=used - packed * deleted // max(deleted + there, 1))


def checkpoint(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the file, which gets shorter by it.

    PASSIVE stalls nobody, and waits for nobody: where a reader is in the way the next checkpoint does it.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def vacuum_step(connection: sqlite3.Connection, least: int = 1) -> bool:
    """Let the database end a few megabytes earlier if there are so many free pages; whether it does."""
    free = _number(connection, "freelist_count")
    if free < least:
        return False
    # It does its work row by row, a page each. Rows without columns are none to a cursor, which would stop at the
    # first; a script is run to its end.
    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
    return _number(connection, "freelist_count") < free


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
