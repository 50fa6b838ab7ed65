"""What is really damaged is really found: bytes turned round, rows and chunks deleted, behind the store's back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gemtap.stores.base import Store
from gemtap.stores.maintenance import Fault
from gemtap.stores.opening import open_store
from gemtap.upkeep.copy import copy
from tests.contract.test_moving import RECORDS
from tests.records import make_record

pytestmark = pytest.mark.anyio

LARGE = b'{ "a": "%b"}' % os.urandom(1_500_000).hex().encode()
"""In MongoDB a file in GridFS: the value does not give it back."""


async def faults_of(store: Store) -> list[Fault]:
    return [fault async for fault in store.maintenance.check()]


async def test_a_sound_store_has_none(store: Store) -> None:
    """A check of a sound store finds no faults."""
    await store.put([*RECORDS, make_record(request_raw=LARGE)])
    looked_at = 0

    def count(more: int) -> None:
        nonlocal looked_at
        looked_at += more

    assert [fault async for fault in store.maintenance.check(count)] == []
    assert looked_at == len(RECORDS) + 1


async def test_a_byte_turned_round_and_a_row_deleted(tmp_path: Path) -> None:
    """In every row that holds bytes of bodies, one after the other: SQLite itself notices nothing."""
    url = f"sqlite:///{tmp_path / 'gemtap.db'}"
    store = open_store(url)
    await store.open()
    records = [make_record(request_raw=b'{"a": "%b"}' % os.urandom(300).hex().encode()) for _ in range(3)]
    await store.put(records)
    await store.close()  # with its upkeep, which would move things about
    store = open_store(url)
    for table, column in blobs_of_bodies(tmp_path / "gemtap.db"):
        with contextlib.closing(sqlite3.connect(tmp_path / "gemtap.db", isolation_level=None)) as connection:
            rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
            assert rows
            for number, whole in rows:
                for place in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
                    broken = whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (broken, number))
                    assert await faults_of(store), (table, number, place)
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (whole, number))
                connection.execute("BEGIN")
                connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE rowid = ?", (number,))
                connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
                connection.execute("COMMIT")
                found = await faults_of(store)
                assert {fault.id for fault in found} & {record.document["_id"] for record in records}
                names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                listed = ", ".join(names)
                connection.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM kept")
                connection.execute("DROP TABLE kept")
    assert await faults_of(store) == []
    await store.close()


def blobs_of_bodies(path: Path) -> list[tuple[str, str]]:
    """Tables and columns in which bytes of bodies are."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [
            (table, column)
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if table == "packs"
            for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
            if kind == "BLOB" and column in ("zstd", "lengths")
        ]


@pytest.mark.parametrize(
    "how", ["chunk gone", "file gone", "chunk turned round", "inside turned round", "body changed"]
)
async def test_what_is_damaged_in_mongodb(mongod_url: str, how: str) -> None:
    """A check of MongoDB finds damage, and names the interaction."""
    store = open_store(mongod_url)
    await store.open()
    victim = make_record(request_raw=LARGE, response_raw=b'{ "only": "here" }')
    await store.put([*RECORDS, victim])
    with MongoClient[dict[str, Any]](mongod_url) as client:
        damage(client, victim.document["_id"], how)
    (fault,) = await faults_of(store)
    assert fault.id == victim.document["_id"]
    assert {
        "chunk gone": "request are missing: their file in GridFS is gone or torn",
        "file gone": "request are missing: their file in GridFS is gone or torn",
        "chunk turned round": "request are damaged: the hash of their file in GridFS does not fit",
        "inside turned round": "the exact bytes of its response",
        "body changed": "response are not what was stored: their hash does not fit",
    }[how] in fault.what
    await store.close()


def damage(client: MongoClient[dict[str, Any]], id_: ObjectId, how: str) -> None:
    database = client.get_default_database()
    chunks, files = database["gemini_bodies.chunks"], database["gemini_bodies.files"]
    interactions = database["gemini_interactions"]
    of_victim = {"files_id.interaction": id_}
    match how:
        case "chunk gone":
            assert chunks.delete_one({**of_victim, "n": 1}).deleted_count == 1
        case "file gone":
            assert files.delete_one({"_id.interaction": id_}).deleted_count == 1
        case "chunk turned round":
            chunk = chunks.find_one({**of_victim, "n": 1})
            assert chunk is not None
            data = bytearray(chunk["data"])
            data[100] ^= 1
            chunks.update_one({"_id": chunk["_id"]}, {"$set": {"data": bytes(data)}})
        case "inside turned round":
            document = interactions.find_one({"_id": id_})
            assert document is not None
            raw = bytearray(document["response"]["raw"])
            raw[-1] ^= 1
            interactions.update_one({"_id": id_}, {"$set": {"response.raw": bytes(raw)}})
        case "body changed":
            # As somebody might who takes the body for the exact bytes.
            interactions.update_one({"_id": id_}, {"$unset": {"response.raw": ""}})


async def test_what_goes_away_while_it_is_checked_is_no_fault(store: Store) -> None:
    """Interactions that are deleted during a check are no faults."""
    records = [make_record(request_raw=LARGE) for _ in range(8)]
    await store.put(records)
    over = asyncio.Event()

    async def prune() -> None:
        for record in records:
            await store.delete([record.document["_id"]])
            await asyncio.sleep(0.01)
        over.set()

    async def check() -> list[Fault]:
        found: list[Fault] = []
        while not over.is_set():
            found += await faults_of(store)
        return found

    _, found = await asyncio.gather(prune(), check())
    assert found == []


async def test_the_commands_say_what_is_wrong_and_keep_the_rest(tmp_path: Path) -> None:
    """`check` names the damage, `copy` takes what is whole, `repair` moves the damage aside."""
    url = f"sqlite:///{tmp_path / 'data' / 'gemtap.db'}"
    store = open_store(url)
    await store.open()
    victim = make_record(request_raw=b'{"only": "%b"}' % os.urandom(9_000).hex().encode())
    await store.put([make_record() for _ in range(30)])
    await store.put([victim])
    await store.close()

    def check(name: str = "check") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gemtap", name]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)

    done = check()
    assert (done.returncode, done.stdout) == (0, "31 interactions checked, no damage found.\n")
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "gemtap.db", isolation_level=None)) as connection:
        connection.execute(
            "DELETE FROM packs WHERE first = (SELECT first FROM packs ORDER BY length(zstd) DESC LIMIT 1)"
        )
    done = check()
    assert done.returncode == 1
    assert f"{victim.document['_id']}: the exact bytes of its request cannot be read" in done.stdout
    assert "gemtap repair" in done.stdout.splitlines()[-1]
    store = open_store(url)
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    await other.open()
    copied = await copy(store, other)
    assert copied.copied == 30
    assert list(copied.rejected) == [victim.document["_id"]]
    await store.close()
    await other.close()
    done = check("repair")
    assert done.returncode == 1
    assert f"{victim.document['_id']}: the exact bytes of its request: lost, since piece" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 losses in 31 interactions."
    done = check("repair")
    assert (done.returncode, done.stdout) == (0, "No losses in 31 interactions.\n")
    assert check().returncode == 0
