"""Reads documents and exact bytes. Lists never read bodies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, Final, cast

from bson import ObjectId

from gemtap.interaction import Interaction, Json, Side
from gemtap.stores.base import Filter
from gemtap.stores.facets import COUNTED, FACETS, Facets, facets_of
from gemtap.stores.place import Order, Place
from gemtap.stores.query.filter import asks_for_words
from gemtap.stores.sorting import SortedPlace, SortKey
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.body_forms import decode_body
from gemtap.stores.sqlite.conditions import COLUMNS
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.queries import list_query, sorted_query, where_clause
from gemtap.stores.sqlite.rows import chunk_times, summary
from gemtap.stores.sqlite.searching import found_rows, selection

WHOLE: Final = "document, chunks, request_form, request_value, request_raw, response_form, response_value, response_raw"
"""The columns that make up a whole document."""


def read(connection: sqlite3.Connection, bodies: BodyStore, id_: ObjectId) -> Interaction | None:
    """The whole document."""
    # One state of the database: the row may be replaced, and its bodies deleted, at any time.
    with transaction(connection, "DEFERRED"):
        found = connection.execute(f"SELECT {WHOLE} FROM interactions WHERE id = ?", (id_.binary,)).fetchone()  # noqa: S608
        return None if found is None else whole(connection, bodies, found)


def whole(connection: sqlite3.Connection, bodies: BodyStore, row: Sequence[Any]) -> Interaction:
    """The whole document of a row of the columns `WHOLE`, inside of the transaction that has read it."""
    packed, chunks, *sides = row
    document = summary(packed)
    document["request"]["body"] = _value(connection, bodies, *sides[:3])
    if document["response"] is not None:
        document["response"]["body"] = _value(connection, bodies, *sides[3:])
        if chunks is not None:
            document["response"]["chunks"] = chunk_times(chunks)
    return cast(Interaction, document)


def read_raw(connection: sqlite3.Connection, bodies: BodyStore, id_: ObjectId, side: Side) -> bytes | None:
    """The exact bytes of one body; empty if there was none, None if there is no such interaction."""
    with transaction(connection, "DEFERRED"):
        found = connection.execute(
            f"SELECT {side}_raw FROM interactions WHERE id = ?",  # noqa: S608 - `side` is one of our two words
            (id_.binary,),
        ).fetchone()
        if found is None:
            return None
        return _bytes(connection, bodies, found[0])


def read_list(
    connection: sqlite3.Connection, where: Filter, order: Order, after: Place | None, limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` documents without bodies, in this order."""
    with transaction(connection, "DEFERRED"):
        if asks_for_words(where) and order != "recorded":
            found = found_rows(connection, where, "document", newest_first=order == "newest", after=after)
            with closing(found) as rows:
                return _summaries(islice(rows, limit))
        query = list_query(selection(connection, where), order, after, limit, columns="document")
        return _summaries(connection.execute(*query))


def read_sorted(
    connection: sqlite3.Connection, where: Filter, by: SortKey, after: SortedPlace | None, limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` documents without bodies, by a number."""
    with transaction(connection, "DEFERRED"):
        return _summaries(connection.execute(*sorted_query(where, by, after, limit)))


def read_facets(connection: sqlite3.Connection, where: Filter) -> Facets:
    """Values of the newest matches, counted."""
    columns = ", ".join(COLUMNS[name] for name in FACETS)
    with transaction(connection, "DEFERRED"):
        if asks_for_words(where):
            with closing(found_rows(connection, where, columns, newest_first=True)) as rows:
                return facets_of(islice(rows, COUNTED))
        query = list_query(selection(connection, where), "newest", None, COUNTED, columns=columns)
        return facets_of(connection.execute(*query))


def count(connection: sqlite3.Connection, where: Filter) -> int:
    """Number of matching documents."""
    with transaction(connection, "DEFERRED"):
        clauses, parameters = selection(connection, where)
        counted = connection.execute(f"SELECT count(*) FROM interactions {where_clause(clauses)}", parameters)  # noqa: S608
        number: int = counted.fetchone()[0]
    return number


def _summaries(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [summary(packed) for (packed,) in rows]


def _value(
    connection: sqlite3.Connection, bodies: BodyStore, form: str, value: int | None, raw: int | None
) -> Json | str | bytes:
    kept = None if value is None else bodies.get(connection, value)
    return decode_body(form, kept, _bytes(connection, bodies, raw))


def _bytes(connection: sqlite3.Connection, bodies: BodyStore, reference: int | None) -> bytes:
    return b"" if reference is None else bodies.get(connection, reference)
