"""Writes records, a batch per transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from bson import ObjectId

from gemtap.interaction import Side
from gemtap.stores.base import Record, RecordRejected, replaces
from gemtap.stores.place import Place
from gemtap.stores.sqlite.annotating import insert_tags
from gemtap.stores.sqlite.bodies import BodyStore, BodyWriter, next_interaction
from gemtap.stores.sqlite.body_forms import encode_body
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.deleting import delete_row
from gemtap.stores.sqlite.linking import insert_links
from gemtap.stores.sqlite.rows import SqlValue, columns
from gemtap.stores.sqlite.search_index import drop_part_of, index, make_due

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
    writer = bodies.writing(connection)
    present: set[ObjectId] = set()
    with transaction(connection, "IMMEDIATE"):
        for record in records:
            try:
                if _write(connection, bodies, writer, record):
                    present.add(record.document["_id"])
            except _UNSTORABLE as exc:
                id_ = record.document["_id"]
                raise RecordRejected(f"Interaction {id_} cannot be stored: {type(exc).__name__}: {exc}") from exc
        writer.finish()
    return present


def replace(connection: sqlite3.Connection, bodies: BodyStore, records: Sequence[Record]) -> int:
    """See `Store.replace`. Raises sqlite3.Error and RecordRejected."""
    writer = bodies.writing(connection)
    replaced = 0
    with transaction(connection, "IMMEDIATE"):
        for record in records:
            id_ = record.document["_id"]
            stored = connection.execute(
                "SELECT number, timestamp FROM interactions WHERE id = ?", (id_.binary,)
            ).fetchone()
            if stored is None:
                continue
            number, timestamp = stored
            delete_row(connection, bodies, number)
            # The index keeps the words of a deleted row until its part is dropped.
            drop_part_of(connection, timestamp)
            try:
                _insert(connection, writer, record)
            except _UNSTORABLE as exc:
                raise RecordRejected(f"Interaction {id_} cannot be stored: {type(exc).__name__}: {exc}") from exc
            replaced += 1
        writer.finish()
    return replaced


def _write(connection: sqlite3.Connection, bodies: BodyStore, writer: BodyWriter, record: Record) -> bool:
    """Store the record unless its id exists, and return whether it did."""
    stored = connection.execute(
        "SELECT outcome, number FROM interactions WHERE id = ?", (record.document["_id"].binary,)
    ).fetchone()
    if stored is not None:
        outcome, number = stored
        if not replaces(record.document, outcome):
            return True
        delete_row(connection, bodies, number)
    _insert(connection, writer, record)
    return stored is not None


def _insert(connection: sqlite3.Connection, writer: BodyWriter, record: Record) -> None:
    request, response = record.document["request"], record.document["response"]
    number = next_interaction(connection)
    row = columns(record.document) | {"number": number}
    row |= _body_columns(writer, "request", request["body"], record)
    row |= _body_columns(writer, "response", response and response["body"], record)
    names = ", ".join(row)
    places = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO interactions ({names}) VALUES ({places})", row)  # noqa: S608 - our own names
    insert_tags(connection, number, record.document["tags"])
    insert_links(connection, Place(record.document["timestamp"], record.document["_id"]), record.links)
    if record.text is None:
        make_due(connection, number)
    else:
        index(connection, number, row, record.text)


def _body_columns(writer: BodyWriter, side: Side, value: object, record: Record) -> dict[str, SqlValue]:
    raw = record.request_raw if side == "request" else record.response_raw
    is_parsed = True if side in record.parsed else None
    if side == "response" and record.accumulated:
        is_parsed = False
    form, kept = encode_body(value, raw, is_parsed=is_parsed)
    return {
        f"{side}_raw": writer.put(raw) if raw else None,
        f"{side}_form": form,
        f"{side}_value": None if kept is None else writer.put(kept),
    }
