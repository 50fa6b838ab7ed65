"""Queries that take too long are ended, and the store goes on."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from gemtap.stores.base import QueryTooSlow
from gemtap.stores.mongo.errors import translated as mongo_translated
from gemtap.stores.sqlite.connections import ConnectionThreads, DatabaseFile
from gemtap.stores.sqlite.errors import translated
from gemtap.stores.sqlite.store import open_database
from tests.mongod import Mongod

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


def count_for_ever(connection: sqlite3.Connection) -> None:
    connection.execute(ENDLESS).fetchone()


def count_a_little(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM interactions").fetchone()[0])


@pytest.mark.anyio
async def test_sqlite_ends_a_query_that_takes_too_long(tmp_path: Path) -> None:
    """The error says what to do, and the thread takes the next query."""
    path = tmp_path / "gemtap.db"
    file = DatabaseFile(path, partial(open_database))
    threads = ConnectionThreads(file, threads=1, name="reader", seconds=0.2)
    try:
        with pytest.raises(QueryTooSlow, match="since:7d"), translated(path):
            await threads.run(count_for_ever)
        with translated(path):
            assert await threads.run(count_a_little) == 0
    finally:
        await threads.close()


@pytest.mark.anyio
async def test_mongodb_ends_a_query_that_takes_too_long(mongod: Mongod) -> None:
    """The server itself ends it: a client that no longer waits would leave it running."""
    from pymongo import AsyncMongoClient

    async with AsyncMongoClient[dict[str, object]](mongod.url) as client:
        collection = client["slow"]["documents"]
        await collection.insert_one({"a": 1})
        with pytest.raises(QueryTooSlow), mongo_translated("mongodb://here"):
            await collection.find({"$where": "sleep(5000) || true"}, max_time_ms=100).to_list()
