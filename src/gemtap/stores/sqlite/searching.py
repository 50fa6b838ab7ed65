"""Searches for words, which yield rows in the order of time until the reader stops."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from gemtap.stores.base import Filter
from gemtap.stores.paging import milliseconds, milliseconds_up
from gemtap.stores.place import Place
from gemtap.stores.query.filter import TEXT, Condition, Is, Says, Within, asks_for_words
from gemtap.stores.sqlite.conditions import clauses_of, plain
from gemtap.stores.sqlite.queries import Selection
from gemtap.stores.sqlite.search_index import (
    EVERYTHING,
    MARKED,
    NUMBER_BITS,
    PART_BITS,
    first_place,
    last_place,
    mark,
    read_parts,
    table_of,
)

_ENDS: Final = (-(2**63), 2**63 - 1)

_Row = tuple[int, int, bytes, int]
"""Place, time, id and number."""


def selection(connection: sqlite3.Connection, where: Filter) -> Selection:
    """The clauses of any filter, and their parameters. Looks up words first. Call within one transaction."""
    if not asks_for_words(where):
        return clauses_of(where)
    with closing(_found(connection, where, newest_first=True)) as numbers:
        return ["number IN (SELECT value FROM json_each(?))"], [json.dumps(list(numbers))]


def found_rows(
    connection: sqlite3.Connection,
    where: Filter,
    columns: str,
    *,
    newest_first: bool,
    after: Place | None = None,
    last: Place | None = None,
) -> Generator[tuple[Any, ...], None, None]:
    """These columns of the matching rows, in order, from just after one place up to and including another.

    Read and close it within one transaction, in which no part of the index is dropped.
    """
    with closing(_found(connection, where, newest_first=newest_first, after=after, last=last)) as numbers:
        for number in numbers:
            yield connection.execute(f"SELECT {columns} FROM interactions WHERE number = ?", (number,)).fetchone()  # noqa: S608


def _found(
    connection: sqlite3.Connection,
    where: Filter,
    *,
    newest_first: bool,
    after: Place | None = None,
    last: Place | None = None,
) -> Generator[int, None, None]:
    """The numbers of the matching rows."""
    match = _match(where)
    clauses, parameters = clauses_of(Filter(*(term for term in where.terms if term.field != TEXT)))
    for cursor, operator in ((after, "<" if newest_first else ">"), (last, ">=" if newest_first else "<=")):
        if cursor is not None:
            clauses.append(f"(timestamp, id) {operator} (?, ?)")
            parameters += [milliseconds(cursor.timestamp), cursor.id.binary]
    low, high = _places(where, *((last, after) if newest_first else (after, last)))
    direction = "DESC" if newest_first else "ASC"
    for part in sorted(read_parts(connection), reverse=newest_first):
        if not low >> PART_BITS <= part <= high >> PART_BITS:
            continue
        table = table_of(part)
        rows = connection.execute(
            f"SELECT place, timestamp, id, number FROM {table} "  # noqa: S608 - our own names
            # CROSS makes SQLite keep this order of joins, and so the order of places.
            f"CROSS JOIN search_places ON place = {table}.rowid CROSS JOIN interactions ON number = interaction "
            f"WHERE {table}.text MATCH ? AND {table}.rowid BETWEEN ? AND ? "
            f"{''.join(f'AND {clause} ' for clause in clauses)}ORDER BY {table}.rowid {direction}",
            [match, low, high, *parameters],
        )
        try:
            yield from _in_order(rows, newest_first)
        finally:
            rows.close()


def _in_order(rows: Iterator[_Row], newest_first: bool) -> Iterator[int]:
    """The numbers of the rows in the order of time. Places sort by half hours; this sorts within each."""
    for _, half_hour in groupby(rows, lambda row: row[0] >> NUMBER_BITS):
        for row in sorted(half_hour, key=lambda row: row[1:3], reverse=newest_first):
            yield row[3]


def _places(where: Filter, oldest: Place | None, newest: Place | None) -> tuple[int, int]:
    """The lowest and the highest place that may match."""
    low, high = _ENDS
    lows = [milliseconds(oldest.timestamp)] if oldest else []
    highs = [milliseconds(newest.timestamp)] if newest else []
    for term in where.terms:
        if term.field == "time" and not term.negated and len(term.tests) == 1 and isinstance(term.tests[0], Within):
            within = term.tests[0]
            lows += [milliseconds(bound) for bound in (within.at_least, within.above) if isinstance(bound, datetime)]
            highs += [milliseconds_up(bound) for bound in (within.at_most, within.below) if isinstance(bound, datetime)]
    if lows:
        low = first_place(max(lows))
    if highs:
        high = last_place(min(highs))
    return low, high


def _match(where: Filter) -> str:
    """The filter as an expression of FTS5, with its words and the marks of its values.

    Syntax: https://www.sqlite.org/fts5.html#full_text_query_syntax. Every string is in quotes, and contains none, since
    it consists of letters and digits.
    """
    wanted = [_any(term) for term in where.terms if term.field == TEXT and not term.negated]
    unwanted = [_any(term) for term in where.terms if term.field == TEXT and term.negated]
    wanted += [marks for term in where.terms if (marks := _marks(term)) is not None]
    expression = " AND ".join(wanted or [f'"{EVERYTHING}"'])
    return f"({expression}) NOT ({' OR '.join(unwanted)})" if unwanted else expression


def _any(term: Condition) -> str:
    says = [test for test in term.tests if isinstance(test, Says)]
    return "(" + " OR ".join(f'"{" ".join(test.words)}"{"*" if test.begins else ""}' for test in says) + ")"


def _marks(term: Condition) -> str | None:
    """The marks of which every match of the condition has one; None if marks cannot decide."""
    if term.negated or term.field not in MARKED:
        return None
    values = [plain(test.value) for test in term.tests if isinstance(test, Is)]
    if len(values) < len(term.tests):
        return None
    marks = [mark(term.field, value) for value in values]
    return None if None in marks else "(" + " OR ".join(f'"{each}"' for each in marks) + ")"
