"""Bodies as they were kept until version 5 of the schema: each whole, in a row of its own, moved over bit by bit."""

from __future__ import annotations

import sqlite3
from typing import Final

from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.connections import transaction

_MOVED_AT_ONCE: Final = 20


def move_whole_bodies(connection: sqlite3.Connection, bodies: BodyStore) -> bool:
    """Keep some bodies of earlier versions as pieces; False where there are none."""
    columns = ("request_raw", "request_value", "response_raw", "response_value")
    writer = bodies.writing(connection)
    with transaction(connection, "IMMEDIATE"):
        rows = connection.execute(
            f"SELECT number, {', '.join(columns)} FROM interactions"  # noqa: S608 - our own names
            " WHERE request_raw < 0 OR request_value < 0 OR response_raw < 0 OR response_value < 0 LIMIT ?",
            (_MOVED_AT_ONCE,),
        ).fetchall()
        for number, *references in rows:
            moved = [
                writer.put(bodies.get(connection, reference)) if reference is not None and reference < 0 else reference
                for reference in references
            ]
            connection.execute(
                f"UPDATE interactions SET {', '.join(f'{name} = ?' for name in columns)} WHERE number = ?",  # noqa: S608
                (*moved, number),
            )
            for reference in references:
                if reference is not None and reference < 0:
                    bodies.delete(connection, reference)
        writer.finish()
    writer.committed()
    return bool(rows)
