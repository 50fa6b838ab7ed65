"""Databases of earlier versions: what was stored in them is found as if it had been stored today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gemtap.stores.opening import open_store
from gemtap.stores.query import parse
from gemtap.stores.sqlite.migrate import migrations
from gemtap.stores.sqlite.rows import columns
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


def database_of_version(version: int, path: Path) -> list[str]:
    """A database at that version of the schema; the columns of its interactions."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for migration in migrations()[:version]:
            connection.executescript(migration)
        connection.execute(f"PRAGMA user_version = {version}")
        return [name for _, name, *_ in connection.execute("PRAGMA table_info(interactions)")]


async def test_rows_from_before_a_filter_are_found_by_it(tmp_path: Path) -> None:
    path = tmp_path / "gemtap.db"
    known = database_of_version(2, path)
    record = make_record(
        streaming=True, client={**make_record().document["client"], "user": "ada"}, request_raw=b"", answered=False
    )
    row = {name: value for name, value in columns(record.document).items() if name in known}
    row |= {"request_form": "parsed", "response_form": "parsed"}
    with closing(sqlite3.connect(path)) as connection, connection:
        names = ", ".join(row)
        connection.execute(f"INSERT INTO interactions ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
    store = open_store(f"sqlite:///{path}")
    await store.open()
    try:
        query = "model_version:gemini-2.5-pro-002 finish_reason:STOP streaming:yes key:8f2a11c0 user:ada"
        for condition in query.split():
            found = await store.page(parse(condition, NOON + timedelta(hours=1)), limit=10)
            assert [item["_id"] for item in found.items] == [record.document["_id"]], condition
    finally:
        await store.close()
