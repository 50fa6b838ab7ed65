"""Sets tags, ratings and notes in the document and in the columns that lists filter by."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.rows import changed
from gemtap.stores.sqlite.search_index import make_due


def annotate(connection: sqlite3.Connection, id_: ObjectId, fields: Mapping[str, Any]) -> bool:
    """Set these fields of a document; False if there is none."""
    with transaction(connection, "IMMEDIATE"):
        found = connection.execute("SELECT number, document FROM interactions WHERE id = ?", (id_.binary,)).fetchone()
        if found is None:
            return False
        number, packed = found
        packed = changed(packed, fields)
        connection.execute("UPDATE interactions SET document = ? WHERE number = ?", (packed, number))
        if "rating" in fields:
            connection.execute("UPDATE interactions SET rating = ? WHERE number = ?", (fields["rating"], number))
        if "tags" in fields:
            connection.execute("DELETE FROM tags WHERE number = ?", (number,))
            insert_tags(connection, number, fields["tags"])
        if "note" in fields:
            make_due(connection, number)
    return True


def insert_tags(connection: sqlite3.Connection, number: int, tags: Sequence[str]) -> None:
    """Index a row by its tags. A foreign key deletes them with the row."""
    # An imported document may have a tag twice.
    connection.executemany("INSERT OR IGNORE INTO tags (tag, number) VALUES (?, ?)", [(tag, number) for tag in tags])
