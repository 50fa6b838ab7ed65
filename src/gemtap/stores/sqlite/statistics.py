"""Counts interactions, in one pass over the matching ones."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from bson import ObjectId

from gemtap.stores.base import Filter
from gemtap.stores.sqlite.conditions import COLUMNS
from gemtap.stores.sqlite.queries import where_clause
from gemtap.stores.sqlite.searching import selection
from gemtap.stores.statistics import CONTEXT, TOKENS, Bucket, Grouping, Part, floats
from gemtap.stores.statistics.tools import Brought, parts_of

_DAY: Final = 86_400_000
_UNITS: Final[Mapping[Bucket | None, int]] = {"minute": 60_000, "hour": 3_600_000}
"""Milliseconds of what is counted together; a day for other buckets."""

_COUNTS: Final = ", ".join(
    (
        "count(*), sum(failed), count(cost_usd)",
        *(f"CAST(total({name}_tokens) AS INTEGER)" for name in TOKENS),
        *(f"CAST(total(context_{name}) AS INTEGER)" for name in CONTEXT),
    )
)
"""In the order of `stores.statistics.COUNTS`. `total` is 0 where `sum` is NULL, and does not overflow."""


def read_parts(connection: sqlite3.Connection, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
    """Counts of the matching interactions, by minute, hour or day and by the field. Call within one transaction."""
    if by == "tool":
        return _tool_parts(connection, where)
    unit = _UNITS.get(bucket, _DAY)
    start = "0" if bucket is None else f"timestamp / {unit} * {unit}"
    clauses, parameters = selection(connection, where)
    found = connection.execute(
        f"SELECT {start}, {COLUMNS[by] if by else 'NULL'}, {_COUNTS}, total(cost_usd), total(cache_saved_usd), "  # noqa: S608 - our own names
        f"floats(request_duration_ms), floats(first_byte_ms) FROM interactions {where_clause(clauses)}GROUP BY 1, 2",
        parameters,
    )
    return list(_parts(found))


def _tool_parts(connection: sqlite3.Connection, where: Filter) -> list[Part]:
    clauses, parameters = selection(connection, where)
    clauses = [*clauses, "tool_use IS NOT NULL"]
    found = connection.execute(
        "SELECT timestamp, tool_use, failed, cost_usd, (SELECT before.timestamp + before.request_duration_ms "  # noqa: S608 - our own names
        f"FROM interactions AS before WHERE before.id = interactions.parent) FROM interactions {where_clause(clauses)}",
        parameters,
    )
    return parts_of(
        Brought(timestamp, json.loads(tool_use), bool(failed), cost, called_at)
        for timestamp, tool_use, failed, cost, called_at in found
    )


def _parts(rows: sqlite3.Cursor) -> Iterator[Part]:
    for start, key, *counts, cost, cache_saved, durations, first_bytes in rows:
        yield Part(start, key_of(key), counts, cost, cache_saved, durations, first_bytes)


def key_of(value: str | int | bytes | None) -> str | None:
    """The value of a column as a key of statistics."""
    match value:
        case None | str():
            return value
        case bytes():
            return str(ObjectId(value))
        case _:
            return str(value)


class Floats:
    """The SQL function `floats`: all values that are not NULL, in the format of `stores.statistics.Part`."""

    def __init__(self) -> None:
        self._values: list[float | None] = []

    def step(self, value: float | None) -> None:
        """Take one value."""
        self._values.append(value)

    def finalize(self) -> bytes:
        """All of them."""
        return floats(self._values)
