"""Counts of the SQLite store, see `gemtap.stores.statistics.query.Counts`.

Triggers delete a cached day in the transaction that stores, deletes or changes one of its interactions.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from functools import partial
from typing import Final

from gemtap.stores.base import Filter, StoreUnavailable
from gemtap.stores.paging import from_milliseconds
from gemtap.stores.sqlite.connections import Run, transaction
from gemtap.stores.sqlite.statistics import read_parts
from gemtap.stores.statistics import Bucket, Grouping, Part
from gemtap.stores.statistics.cache import DAY, VERSION, Span, by_day, kept_as, pack

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SqliteCounts:
    """Counts with reading connections, and caches days with the writing one."""

    def __init__(self, read: Run, write: Run) -> None:
        self._read = read
        self._write = write

    async def times(self) -> tuple[datetime | None, datetime | None]:
        """Timestamps of the oldest and the newest interaction."""
        return await self._read(_times)

    async def count(self, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        """Count matching interactions, in one pass."""
        return await self._read(partial(_count, where=where, bucket=bucket, by=by))

    async def kept(self, span: Span, bucket: Bucket | None, by: Grouping | None) -> dict[datetime, bytes]:
        """The cached days of this version."""
        return await self._read(partial(_kept, span=span, name=kept_as(by, bucket)))

    async def count_to_keep(self, span: Span, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
        """Count these days and cache the result."""
        try:
            return await self._write(partial(_count_to_keep, span=span, bucket=bucket, by=by))
        except StoreUnavailable:
            # A full disk or a read-only file: the result is returned without caching it.
            return await self.count(span.where, bucket or "day", by)


def _times(connection: sqlite3.Connection) -> tuple[datetime | None, datetime | None]:
    # Two subqueries, since the index answers each of them alone.
    oldest, newest = connection.execute(
        "SELECT (SELECT min(timestamp) FROM interactions), (SELECT max(timestamp) FROM interactions)"
    ).fetchone()
    return (None, None) if oldest is None else (from_milliseconds(oldest), from_milliseconds(newest))


def _kept(connection: sqlite3.Connection, span: Span, name: str) -> dict[datetime, bytes]:
    found = connection.execute(
        "SELECT day, parts FROM day_parts WHERE day >= ? AND day < ? AND field = ? AND version = ?",
        (_number(span.first), _number(span.end), name, VERSION),
    )
    return {_FIRST + day * DAY: parts for day, parts in found}


def _count(connection: sqlite3.Connection, where: Filter, bucket: Bucket | None, by: Grouping | None) -> list[Part]:
    with transaction(connection, "DEFERRED"):
        return read_parts(connection, where, bucket, by)


def _count_to_keep(
    connection: sqlite3.Connection, span: Span, bucket: Bucket | None, by: Grouping | None
) -> list[Part]:
    # The cached day would lack anything written between counting and caching.
    with transaction(connection, "IMMEDIATE"):
        parts = read_parts(connection, span.where, bucket or "day", by)
        # An earlier version that runs beside this one counts again what it needs.
        connection.execute(
            "DELETE FROM day_parts WHERE day >= ? AND day < ? AND version < ?",
            (_number(span.first), _number(span.end), VERSION),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO day_parts (day, field, version, parts) VALUES (?, ?, ?, ?)",
            [(_number(day), kept_as(by, bucket), VERSION, pack(of_day)) for day, of_day in by_day(span, parts).items()],
        )
    return parts


def _number(day: datetime) -> int:
    return (day - _FIRST) // DAY
