"""The SQL of lists and scans. `searching` reads those that search for words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gemtap.stores.paging import milliseconds
from gemtap.stores.place import Order, Place
from gemtap.stores.query.filter import Filter
from gemtap.stores.sorting import UNKNOWN, SortedPlace, SortKey
from gemtap.stores.sqlite.conditions import COLUMNS, clauses_of
from gemtap.stores.sqlite.rows import SqlValue

Selection = tuple[list[str], list[SqlValue]]
"""Clauses, all of which must hold, and their parameters."""


class Query(NamedTuple):
    """A statement and its parameters."""

    sql: str
    parameters: list[SqlValue]


_ORDERS: Final[Mapping[Order, tuple[str, str, str]]] = {
    "newest": ("timestamp", "DESC", "<"),
    "oldest": ("timestamp", "ASC", ">"),
    "recorded": ("recorded_at", "ASC", ">"),
}
"""For each order: its time, its direction, and the comparison for what comes after a place."""


def list_query(
    selected: Selection, order: Order, after: Place | None, limit: int, *, last: Place | None = None, columns: str
) -> Query:
    """These columns of the selected rows in this order, from just after one place up to and including another."""
    time, direction, beyond = _ORDERS[order]
    clauses, parameters = list(selected[0]), list(selected[1])
    if after is not None:
        clauses.append(f"({time}, id) {beyond} (?, ?)")
        parameters += _key(after)
    if last is not None:
        clauses.append(f"({time}, id) <= (?, ?)")
        parameters += _key(last)
    return Query(
        f"SELECT {columns} FROM interactions {where_clause(clauses)}"  # noqa: S608 - our own names
        f"ORDER BY {time} {direction}, id {direction} LIMIT ?",
        [*parameters, limit],
    )


def sorted_query(where: Filter, by: SortKey, after: SortedPlace | None, limit: int) -> Query:
    """The documents of the matching rows by a number, greatest first, from just after a place."""
    clauses, parameters = clauses_of(where)
    value = f"ifnull({COLUMNS[by]}, {UNKNOWN})"
    if after is not None:
        clauses.append(f"({value}, timestamp, id) < (?, ?, ?)")
        parameters += [after.value, *_key(after.place)]
    # Without other conditions, the index has all that is needed to find the page.
    index = "INDEXED BY interactions_numbers " if all(term.field == "time" for term in where.terms) else ""
    return Query(
        f"SELECT document FROM (SELECT number, {value} AS value, timestamp, id FROM interactions {index}"  # noqa: S608
        f"{where_clause(clauses)}ORDER BY value DESC, timestamp DESC, id DESC LIMIT ?) AS found "
        "CROSS JOIN interactions USING (number) ORDER BY found.value DESC, found.timestamp DESC, found.id DESC",
        [*parameters, limit],
    )


def _key(place: Place) -> list[SqlValue]:
    return [milliseconds(place.timestamp), place.id.binary]


def where_clause(clauses: list[str]) -> str:
    """The WHERE clause, or nothing if there are no clauses."""
    return f"WHERE {' AND '.join(clauses)} " if clauses else ""
