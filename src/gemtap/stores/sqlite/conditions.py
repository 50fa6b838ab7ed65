"""Compiles the conditions of a filter to SQL. All values are parameters; the text has only names of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from bson import ObjectId

from gemtap.stores.paging import milliseconds, milliseconds_up
from gemtap.stores.query.fields import FIELDS, Kind
from gemtap.stores.query.filter import Condition, Filter, Is, IsSet, Says, StartsWith, Test, Value, Within
from gemtap.stores.sqlite.rows import SqlValue

COLUMNS: Final = {
    "id": "id",
    "time": "timestamp",
    "provider": "provider",
    "operation": "operation",
    "model": "model",
    "model_version": "model_version",
    "outcome": "outcome",
    "status": "status",
    "error": "failed",
    "finish_reason": "finish_reason",
    "streaming": "streaming",
    "client": "client",
    "key": "client_key",
    "user": "client_user",
    "thread": "thread",
    "replay_of": "replay_of",
    "tool": "tool_use",  # JSON
    "tag": "tag",  # in a table of its own
    "rating": "rating",
    "tokens": "total_tokens",
    "input": "input_tokens",
    "cached": "cached_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "cost": "cost_usd",
    "duration": "request_duration_ms",
    "first_byte": "first_byte_ms",
}
"""The column of each field."""


class Clause(NamedTuple):
    """A piece of SQL that is true or false, and its parameters."""

    sql: str
    parameters: Sequence[SqlValue]


def clauses_of(where: Filter) -> tuple[list[str], list[SqlValue]]:
    """The clauses of a filter without words, and their parameters."""
    clauses = [_clause_of(term) for term in where.terms]
    return [clause.sql for clause in clauses], [value for clause in clauses for value in clause.parameters]


def _clause_of(condition: Condition) -> Clause:
    """A condition as SQL."""
    if condition.field == "tool":
        called = _any([_calls(test) for test in condition.tests])
        # Not NULL: this lets SQLite use the index that has the tools in the order of time.
        clause = Clause(f"(tool_use IS NOT NULL AND {called.sql})", called.parameters)
        return Clause(f"NOT {clause.sql}", clause.parameters) if condition.negated else clause
    column = COLUMNS[condition.field]
    values = [test.value for test in condition.tests if isinstance(test, Is)]
    if 1 < len(values) == len(condition.tests) and FIELDS[condition.field].kind != Kind.FLAG:
        clause = Clause(f"{column} IN ({', '.join('?' * len(values))})", [plain(value) for value in values])
    else:
        clause = _any([_test(condition.field, column, test) for test in condition.tests])
    if condition.field == "tag":
        clause = Clause(f"number IN (SELECT number FROM tags WHERE {clause.sql})", clause.parameters)  # noqa: S608
    if condition.negated:
        # A row without a value makes the condition NULL, which NOT would keep NULL.
        return Clause(f"NOT coalesce({clause.sql}, 0)", clause.parameters)
    return clause


def _any(clauses: Sequence[Clause]) -> Clause:
    if len(clauses) == 1:
        return clauses[0]
    return Clause(
        f"({' OR '.join(clause.sql for clause in clauses)})",
        [parameter for clause in clauses for parameter in clause.parameters],
    )


def _test(field: str, column: str, test: Test) -> Clause:
    match test:
        case Is(value) if FIELDS[field].kind == Kind.FLAG:
            # Not a parameter: SQLite would not use a partial index.
            return Clause(f"{column} = {int(bool(value))}", [])
        case Is(value):
            return Clause(f"{column} = ?", [plain(value)])
        case IsSet():
            return Clause(f"{column} IS NOT NULL", [])
        case StartsWith(prefix):
            return Clause(f"{_scanned(column)} >= ? AND {_scanned(column)} < ?", [prefix, prefix + "\U0010ffff"])
        case Within():
            return _within(column, test)
        case Says():
            raise AssertionError("the index of words is asked for these")


def _calls(test: Test) -> Clause:
    """Whether the response calls a tool, from the JSON of `tool_use`."""
    calls = "EXISTS (SELECT 1 FROM json_each(tool_use, '$.calls')"
    match test:
        case Is(value):
            # Few rows have the name at all, and a search for it takes a tenth of the time of parsing.
            return Clause(
                f"(instr(tool_use, ?) AND {calls} WHERE value ->> 'name' = ?))", [json.dumps(value), plain(value)]
            )
        case StartsWith(prefix):
            begins = "WHERE value ->> 'name' >= ? AND value ->> 'name' < ?)"
            return Clause(f"{calls} {begins}", [prefix, prefix + "\U0010ffff"])
        case IsSet():
            return Clause(f"{calls})", [])
        case _:
            raise AssertionError("the names of tools are words")


def _within(column: str, test: Within) -> Clause:
    bounds = [
        (">=", test.at_least, milliseconds_up),
        (">", test.above, milliseconds),
        ("<=", test.at_most, milliseconds),
        ("<", test.below, milliseconds_up),
    ]
    given = [(operator, value, cut) for operator, value, cut in bounds if value is not None]
    return Clause(
        "(" + " AND ".join(f"{_scanned(column)} {operator} ?" for operator, _, _ in given) + ")",
        [cut(value) if isinstance(value, datetime) else plain(value) for _, value, cut in given],
    )


def _scanned(column: str) -> str:
    """The column, written so that SQLite does not use its index: reading in the order of time beats sorting."""
    return column if column in ("timestamp", "tag") else f"+{column}"


def plain(value: Value) -> SqlValue:
    """The value as columns have it."""
    match value:
        case ObjectId():
            return value.binary
        case datetime():
            return milliseconds(value)
        case _:
            return value
