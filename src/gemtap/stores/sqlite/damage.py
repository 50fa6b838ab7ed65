"""Known damage: while there is any, nothing is compacted or freed.

Maintenance must not work around damage. Garbage collection would take the pieces of a body whose list is unreadable for
garbage, and compaction would move the neighbours of a damaged pack. So the first unreadable pack that maintenance finds
is noted in the database, and maintenance refuses to run until `gemtap repair` has moved the damage aside.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bson import ObjectId

from gemtap.incident import Incident, IncidentKind, now
from gemtap.stores.base import StoreError
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.incidents import insert_incidents
from gemtap.stores.sqlite.packs import PieceMissing


class StoreDamaged(StoreError):
    """Something in the store is unreadable, so its space is not maintained."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The store is damaged: {what}. Recording goes on, but nothing is freed or compacted until then: "
            "`gemtap check` lists all damage, `gemtap repair` moves it aside."
        )


@contextmanager
def maintenance(connection: sqlite3.Connection) -> Iterator[None]:
    """Work that may rewrite or free what is stored. Raises StoreDamaged before or after it finds damage."""
    known = known_damage(connection)
    if known is not None:
        raise StoreDamaged(known)
    try:
        yield
    except PieceMissing as exc:
        _note(connection, exc.what)
        raise StoreDamaged(exc.what) from exc


def known_damage(connection: sqlite3.Connection) -> str | None:
    """The damage that was noted first, or None."""
    row = connection.execute("SELECT what FROM damage ORDER BY at LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def damaged_references(connection: sqlite3.Connection) -> Iterator[int]:
    """References to bodies of interactions that `gemtap repair` has changed or moved aside."""
    for (reference,) in connection.execute("SELECT reference FROM damaged_bodies").fetchall():
        yield reference


def clear(connection: sqlite3.Connection) -> None:
    """Forget the noted damage, in a transaction of the caller: it was repaired."""
    connection.execute("DELETE FROM damage")


def _note(connection: sqlite3.Connection, what: str) -> None:
    moment = now()
    incident: Incident = {
        "_id": ObjectId(),
        "at": moment,
        "until": moment,
        "kind": IncidentKind.STORE_DAMAGED,
        "count": 0,
        "message": "The store is damaged. `gemtap check` lists the damage, `gemtap repair` moves it aside.",
        "details": {"damage": what},
    }
    with transaction(connection, "IMMEDIATE"):
        connection.execute("INSERT INTO damage (at, what) VALUES (?, ?)", (round(time.time() * 1000), what))
        insert_incidents(connection, [incident])
