"""The SQL of lists and scans, unless they ask for words: that is in `searching`."""

from __future__ import annotations

from typing import NamedTuple

from gemtap.stores.base import Cursor, Filter
from gemtap.stores.paging import milliseconds
from gemtap.stores.sqlite.conditions import clauses_of
from gemtap.stores.sqlite.rows import SqlValue


class Query(NamedTuple):
    """A statement and its parameters."""

    sql: str
    parameters: list[SqlValue]


def page_query(where: Filter, after: Cursor | None, limit: int) -> Query:
    """The documents that match, newest first, from just after the cursor on."""
    clauses, parameters = clauses_of(where)
    if after is not None:
        clauses.append("(timestamp, id) < (?, ?)")
        parameters += _key(after)
    return Query(
        f"SELECT document FROM interactions {where_clause(clauses)}ORDER BY timestamp DESC, id DESC LIMIT ?",  # noqa: S608
        [*parameters, limit],
    )


def oldest_query(where: Filter, after: Cursor | None, last: Cursor | None, columns: str, limit: int) -> Query:
    """These columns of what matches, oldest first, from just after one place up to and with another."""
    clauses, parameters = clauses_of(where)
    if after is not None:
        clauses.append("(timestamp, id) > (?, ?)")
        parameters += _key(after)
    if last is not None:
        clauses.append("(timestamp, id) <= (?, ?)")
        parameters += _key(last)
    return Query(
        f"SELECT {columns} FROM interactions {where_clause(clauses)}ORDER BY timestamp, id LIMIT ?",  # noqa: S608
        [*parameters, limit],
    )


def last_query(where: Filter) -> Query:
    """Where the newest is that matches."""
    clauses, parameters = clauses_of(where)
    return Query(
        f"SELECT timestamp, id FROM interactions {where_clause(clauses)}"  # noqa: S608
        "ORDER BY timestamp DESC, id DESC LIMIT 1",
        parameters,
    )


def _key(place: Cursor) -> list[SqlValue]:
    return [milliseconds(place.timestamp), place.id.binary]


def where_clause(clauses: list[str]) -> str:
    """`WHERE` and what must hold; nothing where nothing must."""
    return f"WHERE {' AND '.join(clauses)} " if clauses else ""
