"""Writes records, a batch per transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bson import ObjectId

from gemtap.interaction import Side
from gemtap.stores.base import Record, RecordRejected, replaces
from gemtap.stores.place import Place
from gemtap.stores.sqlite.annotating import insert_tags
from gemtap.stores.sqlite.bodies import BodyStore, BodyWriter, counters
from gemtap.stores.sqlite.body_forms import encode_body
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.deleting import delete_row
from gemtap.stores.sqlite.linking import insert_links
from gemtap.stores.sqlite.rows import SqlValue, columns
from gemtap.stores.sqlite.search_index import SearchWriter, drop_part_of, make_due

# Errors of values that neither a column nor JSON can hold.
_UNSTORABLE: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def write(connection: sqlite3.Connection, bodies: BodyStore, records: Sequence[Record]) -> set[ObjectId]:
    """See `Store.put`. Raises sqlite3.Error and RecordRejected."""
    present: set[ObjectId] = set()
    with transaction(connection, "IMMEDIATE"):
        writer = _Writer(connection, bodies)
        for record in records:
            with _unstorable_rejected(record):
                if _write(connection, bodies, writer, record):
                    present.add(record.document["_id"])
        writer.finish()
    return present


def replace(connection: sqlite3.Connection, bodies: BodyStore, records: Sequence[Record]) -> int:
    """See `Store.replace`. Raises sqlite3.Error and RecordRejected."""
    replaced = 0
    with transaction(connection, "IMMEDIATE"):
        for record in records:
            stored = connection.execute(
                "SELECT number, timestamp FROM interactions WHERE id = ?", (record.document["_id"].binary,)
            ).fetchone()
            if stored is None:
                continue
            number, timestamp = stored
            delete_row(connection, bodies, number)
            # The index keeps the words of a deleted row until its part is dropped.
            drop_part_of(connection, timestamp)
            # The part of the next record may be the same, so each has a writer of its own.
            writer = _Writer(connection, bodies)
            with _unstorable_rejected(record):
                writer.insert(record)
            writer.finish()
            replaced += 1
    return replaced


def _write(connection: sqlite3.Connection, bodies: BodyStore, writer: _Writer, record: Record) -> bool:
    """Store the record unless its id exists, and return whether it did."""
    stored = connection.execute(
        "SELECT outcome, number FROM interactions WHERE id = ?", (record.document["_id"].binary,)
    ).fetchone()
    if stored is not None:
        outcome, number = stored
        if not replaces(record.document, outcome):
            return True
        delete_row(connection, bodies, number)
    writer.insert(record)
    return stored is not None


@contextmanager
def _unstorable_rejected(record: Record) -> Iterator[None]:
    try:
        yield
    except _UNSTORABLE as exc:
        id_ = record.document["_id"]
        raise RecordRejected(f"Interaction {id_} cannot be stored: {type(exc).__name__}: {exc}") from exc


class _Writer:
    """Inserts records within one transaction. They are complete once `finish` was called."""

    def __init__(self, connection: sqlite3.Connection, bodies: BodyStore) -> None:
        self._connection = connection
        self._bodies = bodies.writing(connection)
        self._search = SearchWriter(connection)
        self._next_number = counters(connection)["interaction"]

    def insert(self, record: Record) -> None:
        """Insert a record with a new id."""
        document = record.document
        response = document["response"]
        number = self._next_number
        self._next_number += 1
        row = columns(document) | {"number": number}
        row |= _body_columns(self._bodies, "request", document["request"]["body"], record)
        row |= _body_columns(self._bodies, "response", response and response["body"], record)
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        self._connection.execute(f"INSERT INTO interactions ({names}) VALUES ({places})", row)  # noqa: S608 - our own names
        insert_tags(self._connection, number, document["tags"])
        insert_links(self._connection, Place(document["timestamp"], document["_id"]), record.links)
        if record.text is None:
            make_due(self._connection, number)
        else:
            self._search.add(number, row, record.text)

    def finish(self) -> None:
        """Write what the records share: bodies, words and counters. Raises WriteVerificationFailed."""
        self._connection.execute("UPDATE counters SET value = ? WHERE name = 'interaction'", (self._next_number,))
        self._bodies.finish()
        self._search.finish()


def _body_columns(writer: BodyWriter, side: Side, value: object, record: Record) -> dict[str, SqlValue]:
    raw = record.request_raw if side == "request" else record.response_raw
    is_parsed = True if side in record.parsed else None
    if side == "response" and record.accumulated:
        is_parsed = False
    form, kept = encode_body(value, raw, is_parsed=is_parsed)
    return {
        f"{side}_raw": writer.put(raw, record.request_cuts if side == "request" else None) if raw else None,
        f"{side}_form": form,
        f"{side}_value": None if kept is None else writer.put(kept),
    }
