"""Incidents of recording, in a table of their own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import partial

from bson import ObjectId

from gemtap.incident import Incident
from gemtap.stores.paging import from_milliseconds, milliseconds
from gemtap.stores.sqlite.connections import Run, transaction


class SqliteIncidents:
    """See `gemtap.stores.base.StoredIncidents`."""

    def __init__(self, read: Run, write: Run) -> None:
        self._read = read
        self._write = write

    async def put(self, incidents: Sequence[Incident]) -> None:
        """Store incidents in one transaction."""
        await self._write(partial(_write, incidents=incidents))

    async def newest(self, *, limit: int) -> list[Incident]:
        """The latest incidents, newest first."""
        return await self._read(partial(_read_newest, limit=limit))


def _write(connection: sqlite3.Connection, incidents: Sequence[Incident]) -> None:
    with transaction(connection, "IMMEDIATE"):
        insert_incidents(connection, incidents)


def insert_incidents(connection: sqlite3.Connection, incidents: Sequence[Incident]) -> None:
    """Store the incidents, in a transaction of the caller."""
    connection.executemany(
        "INSERT OR REPLACE INTO gemtap_events (id, at, until, kind, count, message, details)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                incident["_id"].binary,
                milliseconds(incident["at"]),
                None if incident["until"] is None else milliseconds(incident["until"]),
                incident["kind"],
                incident["count"],
                incident["message"],
                json.dumps(incident["details"]),
            )
            for incident in incidents
        ],
    )


def _read_newest(connection: sqlite3.Connection, limit: int) -> list[Incident]:
    rows = connection.execute(
        "SELECT id, at, until, kind, count, message, details FROM gemtap_events ORDER BY at DESC, id DESC LIMIT ?",
        (limit,),
    )
    return [
        {
            "_id": ObjectId(id_),
            "at": from_milliseconds(at),
            "until": None if until is None else from_milliseconds(until),
            "kind": kind,
            "count": count,
            "message": message,
            "details": json.loads(details),
        }
        for id_, at, until, kind, count, message, details in rows
    ]
