"""Whether everything that is stored can be read back as it was put there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

from bson import ObjectId

from gemtap.stores.base import Fault
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.connections import transaction

_BODIES: Final = ("request_raw", "request_value", "response_raw", "response_value")


def verify(connection: sqlite3.Connection, bodies: BodyStore, looked_at: Callable[[int], None]) -> Iterator[Fault]:
    """Everything that is wrong, found in short reads. The connection is used between two faults alone.

    `looked_at` is told, in this thread, of how many interactions were read.
    """
    number = 0
    while (row := _next(connection, bodies, number)) is not None:
        number, id_, faults = row
        for what in faults:
            yield Fault(ObjectId(id_), what)
        looked_at(1)


def _next(connection: sqlite3.Connection, bodies: BodyStore, after: int) -> tuple[int, bytes, list[str]] | None:
    """The number and id of the next interaction, and what is wrong with it; None where there is none."""
    # One state of the database: an interaction may be deleted, and its bodies with it, at any time.
    with transaction(connection, "DEFERRED"):
        row = connection.execute(
            f"SELECT number, id, {', '.join(_BODIES)} FROM interactions WHERE number > ? ORDER BY number LIMIT 1",  # noqa: S608
            (after,),
        ).fetchone()
        if row is None:
            return None
        number, id_, *references = row
        faults = []
        for name, reference in zip(_BODIES, references, strict=True):
            if reference is not None:
                try:
                    bodies.get(connection, reference)
                except Exception as exc:
                    faults.append(f"its {name.replace('_', ' ')} cannot be read: {exc}")
        return number, id_, faults
