"""Databases of earlier versions: what was stored in them is found as if it had been stored today."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import zstandard

from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from gemtap.stores.query import parse
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.rows import columns
from gemtap.stores.sqlite.schema import migrations
from gemtap.stores.sqlite.store import open_database
from gemtap.stores.sqlite.upkeep import upkeep_step
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


def database_of_version(version: int, path: Path) -> list[str]:
    """A database at that version of the schema; the columns of its interactions."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("unzstd", 1, lambda packed: zstandard.decompress(packed).decode())
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


async def test_rows_from_before_statistics_are_counted(tmp_path: Path) -> None:
    """Their thread's index is made anew, and of where their tokens came from nothing is known."""
    path = tmp_path / "gemtap.db"
    known = database_of_version(5, path)
    assert "context_system" not in known
    records = [make_record(timestamp=NOON + timedelta(days=day), request_raw=b"", answered=False) for day in range(3)]
    with closing(sqlite3.connect(path)) as connection, connection:
        for record in records:
            row = {name: value for name, value in columns(record.document).items() if name in known}
            row |= {"request_form": "parsed", "response_form": "parsed"}
            connection.execute(
                f"INSERT INTO interactions ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
            )
    store = open_store(f"sqlite:///{path}")
    await store.open()
    try:
        for _ in range(2):  # counted, and then as they are kept
            rows = await store.statistics(Filter(), bucket="day", by="model")
            assert [(row["requests"], row["tokens"]["total"], row["context"]["new"]) for row in rows] == [(1, 9, 0)] * 3
        await store.put([make_record(timestamp=NOON)])
        assert [row["requests"] for row in await store.statistics(Filter(), bucket="day")] == [2, 1, 1]
        listed = (await store.threads(Filter(), limit=10)).items
        assert len(listed) == 4
        documents = {item["id"] for item in listed}
        assert documents >= {record.document["thread"]["id"] for record in records if record.document["thread"]}
    finally:
        await store.close()
    with closing(sqlite3.connect(path)) as connection:
        kept = {day for (day,) in connection.execute("SELECT DISTINCT day FROM day_parts")}
    first = int(NOON.timestamp()) // 86_400
    assert kept == {first, first + 1}, "the day of the newest is not kept"


async def test_bodies_from_before_pieces_are_read_and_moved_over(tmp_path: Path) -> None:
    """They are there at once, stay to the letter while they are moved, and go with their interactions."""
    path = tmp_path / "gemtap.db"
    known = database_of_version(5, path)
    text = "It was said before. " * 100
    records = [
        make_record(request_raw=b'{ "contents":[{"parts":[{"text":"%d %b"}]}]}' % (n, text.encode())) for n in range(50)
    ]
    records.append(make_record(accumulated={"candidates": [{"content": {"parts": [{"text": text}]}}]}))
    records.append(make_record(request_raw=b"", answered=False))
    with closing(sqlite3.connect(path)) as connection, connection:
        for record in records:
            insert_as_version_5(connection, record, known)
    store = open_store(f"sqlite:///{path}")
    await store.open()
    await holds(store, records)
    await store.delete([records[0].document["_id"]])
    # The first record wakes the upkeep, and closing breaks it off; what is left is moved then.
    await store.put([make_record()])
    await store.close()
    with closing(open_database(path)) as connection:
        bodies = BodyStore()
        while upkeep_step(connection, bodies):
            pass
        assert connection.execute("SELECT count(*) FROM bodies").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM interactions WHERE request_raw < 0").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pieces").fetchone()[0] == 50
    store = open_store(f"sqlite:///{path}")
    await store.open()
    await holds(store, records[1:])
    assert [fault async for fault in store.check()] == []
    await store.close()


def insert_as_version_5(connection: sqlite3.Connection, record: Record, known: list[str]) -> None:
    """As version 5 stored it: each body compressed whole in a row of its own."""

    def body(raw: bytes | None) -> int | None:
        if not raw:
            return None
        return connection.execute("INSERT INTO bodies (zstd) VALUES (?)", (zstandard.compress(raw),)).lastrowid

    response = record.document["response"]
    kept = json.dumps(response["body"]).encode() if response is not None and record.accumulated else None
    row = {name: value for name, value in columns(record.document).items() if name in known}
    row |= {"request_raw": body(record.request_raw), "request_form": "parsed"}
    row |= {"response_raw": body(record.response_raw), "response_form": "json" if kept else "parsed"}
    row |= {"response_value": body(kept)}
    names = ", ".join(row)
    connection.execute(f"INSERT INTO interactions ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])


async def holds(store: Store, records: list[Record]) -> None:
    for record in records:
        id_ = record.document["_id"]
        assert await store.get(id_) == record.document
        assert (await store.raw(id_, "request"), await store.raw(id_, "response")) == (
            record.request_raw,
            record.response_raw,
        )
