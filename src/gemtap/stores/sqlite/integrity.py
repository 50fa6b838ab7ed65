"""Whether everything that is stored can be read back as it was put there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from bson import ObjectId

from gemtap.stores.base import Fault
from gemtap.stores.sqlite.bodies import BodyStore

_BODIES: Final = ("request_raw", "request_value", "response_raw", "response_value")


def verify(connection: sqlite3.Connection, bodies: BodyStore) -> Iterator[Fault]:
    """Everything that is wrong, found in short reads. The connection is used between two faults alone."""
    number = 0
    while True:
        row = connection.execute(
            f"SELECT number, id, {', '.join(_BODIES)} FROM interactions WHERE number > ? ORDER BY number LIMIT 1",  # noqa: S608
            (number,),
        ).fetchone()
        if row is None:
            return
        number, id_, *references = row
        for name, reference in zip(_BODIES, references, strict=True):
            if reference is not None:
                try:
                    bodies.get(connection, reference)
                except Exception as exc:
                    yield Fault(ObjectId(id_), f"its {name.replace('_', ' ')} cannot be read: {exc}")
