"""Repair: moves what is damaged aside and keeps the rest. Nothing is deleted.

Damaged packs go to the table `damaged_packs`. An interaction keeps what can be read of it: a body that cannot be read
is left out of its document, which says so, and the reference goes to `damaged_bodies`. An interaction whose document
cannot be read goes to `damaged_interactions`. Garbage collection keeps the pieces that any of these refer to. Where a
list was lost, the pieces that it referred to are not known, so that nothing that was stored until now is ever freed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

from bson import ObjectId

from gemtap.stores.maintenance import Fault
from gemtap.stores.sqlite import damage
from gemtap.stores.sqlite.bodies import BodyStore, counters
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.integrity import BODIES, damaged_packs, document_fault, told_as_damage, wrong_keys
from gemtap.stores.sqlite.linking import delete_links
from gemtap.stores.sqlite.packs import PieceMissing
from gemtap.stores.sqlite.rows import without_body

_ROW = f"number, id, timestamp, document, chunks, {', '.join(BODIES)}"


def repair(connection: sqlite3.Connection, looked_at: Callable[[int], None]) -> Iterator[Fault]:
    """Move the damage aside, and yield what is lost. Each step is a transaction of its own.

    `looked_at` is called with the number of interactions that were read since the last call.
    """
    with told_as_damage(connection):
        yield from _repaired(connection, looked_at)


def _repaired(connection: sqlite3.Connection, looked_at: Callable[[int], None]) -> Iterator[Fault]:
    bodies, number = BodyStore(), -1
    while True:
        with transaction(connection, "IMMEDIATE"):
            row = connection.execute(
                f"SELECT {_ROW} FROM interactions WHERE number > ? ORDER BY number LIMIT 1",  # noqa: S608 - our own names
                (number,),
            ).fetchone()
            faults = [] if row is None else list(_repair_row(connection, bodies, row))
        if row is None:
            break
        yield from faults
        number = row[0]
        looked_at(1)
    for head, why in list(damaged_packs(connection)):
        with transaction(connection, "IMMEDIATE"):
            _move_pack(connection, head.first)
        yield Fault(None, f"{why}: {head.span:,} pieces were moved aside")
    for key, number, _ in list(wrong_keys(connection)):
        connection.execute("DELETE FROM pieces WHERE key = ? AND number = ?", (key, number))
    with transaction(connection, "IMMEDIATE"):
        damage.clear(connection)


def _move_pack(connection: sqlite3.Connection, first: int) -> None:
    connection.execute(
        "INSERT INTO damaged_packs (at, first, span, size, edition, lengths, zstd)"
        " SELECT ?, first, span, size, edition, lengths, zstd FROM packs WHERE first = ?",
        (_now(), first),
    )
    ((span,),) = connection.execute("DELETE FROM packs WHERE first = ? RETURNING span", (first,)).fetchall()
    connection.execute("DELETE FROM pieces WHERE number >= ? AND number < ?", (first, first + span))


def _repair_row(connection: sqlite3.Connection, bodies: BodyStore, row: tuple[Any, ...]) -> Iterator[Fault]:
    number, id_, timestamp, document, chunks, *references = row
    lost = {}
    for part, reference in zip(BODIES, references, strict=True):
        why = None if reference is None else _why_unreadable(connection, bodies, reference)
        if why is not None:
            lost[part] = (reference, why)
    unreadable = document_fault(document, chunks)
    if unreadable is None and not lost:
        return
    kept = (
        dict(zip(BODIES, references, strict=True)) if unreadable is not None else {p: r for p, (r, _) in lost.items()}
    )
    connection.executemany(
        "INSERT INTO damaged_bodies (at, id, part, reference) VALUES (?, ?, ?, ?)",
        [(_now(), id_, part, reference) for part, reference in kept.items() if reference is not None],
    )
    if unreadable is not None:
        connection.execute(
            "INSERT INTO damaged_interactions (at, number, id, timestamp, document, chunks) VALUES (?, ?, ?, ?, ?, ?)",
            (_now(), number, id_, timestamp, document, chunks),
        )
        connection.execute("DELETE FROM interactions WHERE number = ?", (number,))
        delete_links(connection, ObjectId(id_))
        yield Fault(ObjectId(id_), f"{unreadable}: the interaction was moved aside")
        return
    for part, (_, why) in lost.items():
        document = without_body(document, part, why)
        connection.execute(
            f"UPDATE interactions SET {part} = NULL, document = ? WHERE number = ?",  # noqa: S608 - our own names
            (document, number),
        )
        side, _, form = part.partition("_")
        if form == "value":
            connection.execute(f"UPDATE interactions SET {side}_form = 'parsed' WHERE number = ?", (number,))  # noqa: S608
        yield Fault(ObjectId(id_), f"{BODIES[part]}: lost, since {why}")


def _why_unreadable(connection: sqlite3.Connection, bodies: BodyStore, reference: int) -> str | None:
    try:
        bodies.get(connection, reference)
        return None
    except PieceMissing as exc:
        why = exc.what
    try:
        bodies.list_of(connection, reference)
    except PieceMissing:
        # Which pieces this body needed is not known: none that exists may be freed.
        counted = counters(connection)
        connection.executemany(
            "UPDATE counters SET value = ? WHERE name = ?",
            [(counted["piece"], "protected_piece"), (counted["blob"], "protected_blob")],
        )
    return why


def _now() -> int:
    return round(time.time() * 1000)
