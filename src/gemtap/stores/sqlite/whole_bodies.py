"""Bodies as they were kept until version 5 of the schema: each whole, in a row of its own, moved over bit by bit."""

from __future__ import annotations

import sqlite3
from typing import Final

from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.packs import PieceMissing

_MOVED_AT_ONCE: Final = 20


_COLUMNS: Final = ("request_raw", "request_value", "response_raw", "response_value")

_QUERY: Final = (
    f"SELECT number, {', '.join(_COLUMNS)} FROM interactions"  # noqa: S608 - our own names
    f" WHERE {' OR '.join(f'{name} < 0' for name in _COLUMNS)} LIMIT {_MOVED_AT_ONCE}"
)


def move_whole_bodies(connection: sqlite3.Connection, bodies: BodyStore) -> bool:
    """Keep some bodies of earlier versions as pieces; False where none can be: what is damaged stays as it is."""
    if not connection.execute(_QUERY).fetchone():
        # Mostly so, and no reason to keep anybody who writes waiting.
        return False
    writer = bodies.writing(connection)
    moved = False
    with transaction(connection, "IMMEDIATE"):
        for number, *references in connection.execute(_QUERY).fetchall():
            for name, reference in zip(_COLUMNS, references, strict=True):
                if reference is None or reference >= 0:
                    continue
                try:
                    raw = bodies.get(connection, reference)
                except PieceMissing:
                    continue
                connection.execute(
                    f"UPDATE interactions SET {name} = ? WHERE number = ?",  # noqa: S608 - our own names
                    (writer.put(raw), number),
                )
                bodies.delete(connection, reference)
                moved = True
        writer.finish()
    writer.committed()
    return moved
