"""The SQL of lists."""

from __future__ import annotations

from typing import NamedTuple

from gemtap.stores.base import Cursor, Filter
from gemtap.stores.paging import milliseconds, milliseconds_up
from gemtap.stores.sqlite.rows import SqlValue


class Query(NamedTuple):
    """A statement and its parameters."""

    sql: str
    parameters: list[SqlValue]


def page_query(where: Filter, after: Cursor | None, limit: int) -> Query:
    """The documents that match, newest first, from just after the cursor on."""
    conditions: list[tuple[str, SqlValue]] = [
        ("provider = ?", where.provider),
        ("model = ?", where.model),
        ("operation = ?", where.operation),
        ("outcome = ?", where.outcome),
        ("status = ?", where.status),
        ("client = ?", where.client),
        ("thread = ?", where.thread.binary if where.thread else None),
        ("timestamp >= ?", milliseconds_up(where.since) if where.since else None),
        ("timestamp < ?", milliseconds_up(where.until) if where.until else None),
    ]
    wanted = [(condition, value) for condition, value in conditions if value is not None]
    clauses = [condition for condition, _ in wanted]
    parameters = [value for _, value in wanted]
    if after is not None:
        clauses.append("(timestamp, id) < (?, ?)")
        parameters += [milliseconds(after.timestamp), after.id.binary]
    selection = f"WHERE {' AND '.join(clauses)} " if clauses else ""
    return Query(
        f"SELECT document FROM interactions {selection}ORDER BY timestamp DESC, id DESC LIMIT ?",  # noqa: S608
        [*parameters, limit],
    )
