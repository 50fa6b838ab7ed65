"""Replaced files, wrong writes and damage: other bytes than were stored never come back, and nothing live is freed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from gemtap.stores.base import Record, StoreError
from gemtap.stores.opening import open_store
from gemtap.stores.sqlite import compaction, packs
from gemtap.stores.sqlite.bodies import BodyStore
from gemtap.stores.sqlite.damage import StoreDamaged, known_damage
from gemtap.stores.sqlite.deleting import delete
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.integrity import verify
from gemtap.stores.sqlite.packs import FINAL, FRESH, PieceMissing, WriteVerificationFailed, heads
from gemtap.stores.sqlite.reading import read_raw
from gemtap.stores.sqlite.repair import repair
from gemtap.stores.sqlite.store import SqliteStore, open_database
from gemtap.stores.sqlite.upkeep import upkeep_step
from gemtap.stores.sqlite.writing import write
from tests.records import make_record
from tests.unit.stores.test_sqlite_bodies import conversation

TIERS = {FRESH: (40_000, 1), 1: (250_000, FINAL)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gemtap.db"


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_database(path)) as connection:
        yield connection


def records_of(requests: list[bytes]) -> list[Record]:
    return [make_record(request_raw=request) for request in requests]


def put(connection: sqlite3.Connection, records: list[Record], batch: int = 10) -> None:
    for start in range(0, len(records), batch):
        write(connection, BodyStore(), records[start : start + batch])


def settle(connection: sqlite3.Connection) -> None:
    """Compact everything, as upkeep does with megabytes."""
    while upkeep_step(connection, tiers=TIERS):
        pass


def faults_of(connection: sqlite3.Connection) -> list[str]:
    return [fault.what for fault in verify(connection, BodyStore(), lambda _: None)]


def raw_of(connection: sqlite3.Connection, record: Record) -> bytes | None:
    return read_raw(connection, BodyStore(), record.document["_id"], "request")


def noise(seed: int, size: int = 3_000) -> bytes:
    """A body of 3 kB that compression does not make smaller, literal in its list."""
    return random.Random(seed).randbytes(size)


# A replaced file


async def store_with(path: Path, records: list[Record]) -> SqliteStore:
    store = open_store(f"sqlite:///{path}")
    assert isinstance(store, SqliteStore)
    await store.open()
    for start in range(0, len(records), 2):
        await store.put(records[start : start + 2])
    return store


async def holds(store: SqliteStore, records: list[Record]) -> None:
    for record in records:
        assert await store.raw(record.document["_id"], "request") == record.request_raw
        assert await store.get(record.document["_id"]) == record.document


@pytest.mark.anyio
@pytest.mark.parametrize("log_stays", [False, True], ids=["backup with its log removed", "old log left beside it"])
async def test_a_backup_that_is_renamed_into_place_is_read_for_what_it_is(path: Path, log_stays: bool) -> None:
    """Its packs have the same numbers as those of the file before, and other content."""
    backup = path.with_name("backup.db")
    theirs = records_of([noise(n) * 2 for n in range(5)])
    other = await store_with(backup, theirs)
    await other.close()
    ours = records_of([noise(100 + n) * 2 for n in range(5)])
    store = await store_with(path, ours)
    try:
        await holds(store, ours)
        if not log_stays:
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink()
        os.replace(backup, path)
        await holds(store, theirs)
        assert [await store.get(record.document["_id"]) for record in ours] == [None] * 5
        await store.delete([theirs[0].document["_id"]])
        async for _ in store.maintenance.reclaim():
            pass
        await holds(store, theirs[1:])
        later = records_of([noise(200)])
        await store.put(later)
        await holds(store, [*theirs[1:], *later])
        assert [fault async for fault in store.maintenance.check()] == []
    finally:
        await store.close()
    fresh = open_store(f"sqlite:///{path}")
    assert isinstance(fresh, SqliteStore)
    try:
        await holds(fresh, [*theirs[1:], *later])
    finally:
        await fresh.close()


@pytest.mark.anyio
async def test_a_file_that_is_moved_away_while_it_is_open_is_complete_there(path: Path) -> None:
    """What its write-ahead log held goes with it, and recording begins a new file."""
    ours = records_of([noise(n) for n in range(4)])
    store = await store_with(path, ours)
    moved = path.with_name("moved.db")
    try:
        path.rename(moved)
        later = records_of([noise(100)])
        await store.put(later)
        await holds(store, later)
        assert await store.get(ours[0].document["_id"]) is None
    finally:
        await store.close()
    old = open_store(f"sqlite:///{moved}")
    assert isinstance(old, SqliteStore)
    try:
        await holds(old, ours)
        assert [fault async for fault in old.maintenance.check()] == []
    finally:
        await old.close()


@pytest.mark.anyio
async def test_the_same_backup_restored_twice_goes_on_from_where_it_was(path: Path) -> None:
    """After each restore other bodies get the numbers that later bodies had before."""
    store = await store_with(path, records_of(conversation(6)))
    await store.close()
    backup = path.with_name("backup.db")
    shutil.copy(path, backup)
    store = await store_with(path, [])
    try:
        for round_ in range(3):
            shutil.copy(backup, path.with_name("restored.db"))
            os.replace(path.with_name("restored.db"), path)
            records = records_of([noise(round_ * 10 + n) * 2 for n in range(4)])
            await store.put(records[:2])
            await holds(store, records[:2])
            await store.put(records[2:])
            await holds(store, records)
    finally:
        await store.close()


# Writes that go wrong


def flipped(data: bytes, at: int = -1) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_no_wrong_byte_of_a_new_pack_is_written(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What decompresses to something else is an error, and nothing is committed."""
    honest = packs.compress
    monkeypatch.setattr(packs, "compress", lambda data: honest(flipped(data) if len(data) > 1_000 else data))
    with pytest.raises(WriteVerificationFailed, match="does not decompress to its pieces"):
        put(database, records_of([noise(1)]))
    monkeypatch.undo()
    assert database.execute("SELECT count(*) FROM interactions").fetchone() == (0,)
    assert heads(database) == []


@pytest.mark.parametrize("fault", ["compression", "last compression", "pieces"])
def test_no_wrong_byte_of_a_merged_pack_replaces_the_originals(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The packs stay as they were, and the next compaction without the fault succeeds."""
    records = records_of(conversation(60))
    put(database, records)
    before = heads(database)
    if fault == "compression":
        quick = compaction.compressed_quickly
        monkeypatch.setattr(compaction, "compressed_quickly", lambda data: quick(flipped(data)))
    elif fault == "last compression":
        monkeypatch.setitem(TIERS, FRESH, (40_000, FINAL))
        honest = compaction.compressed
        monkeypatch.setattr(compaction, "compressed", lambda data, stopping: honest(flipped(data), stopping))
    else:
        merged = compaction._merged
        monkeypatch.setattr(
            compaction, "_merged", lambda them: packs.Pack((it := merged(them)).first, it.offsets, flipped(it.data))
        )
    with pytest.raises(WriteVerificationFailed):
        settle(database)
    assert heads(database) == before
    monkeypatch.undo()
    settle(database)
    assert len(heads(database)) < len(before)
    assert all(raw_of(database, record) == record.request_raw for record in records)


# Damage


def damage(connection: sqlite3.Connection, first: int, column: str = "zstd", at: int = 20) -> None:
    (frame,) = connection.execute(f"SELECT {column} FROM packs WHERE first = ?", (first,)).fetchone()
    connection.execute(f"UPDATE packs SET {column} = ? WHERE first = ?", (flipped(frame, at), first))


@pytest.mark.parametrize(
    "body", [noise(1), noise(2, 40_000), b'{"contents": []}' * 300], ids=["literal", "blob", "text"]
)
def test_one_wrong_bit_anywhere_in_a_pack_is_placed(database: sqlite3.Connection, body: bytes) -> None:
    """New and incompressible packs have checksums: damage is found at the pack, before any body is put together."""
    put(database, records_of([body]))
    for head in heads(database):
        (frame,) = database.execute("SELECT zstd FROM packs WHERE first = ?", (head.first,)).fetchone()
        whole = packs.read_pack(database, head.first)
        for at in random.Random(3).sample(range(len(frame)), min(len(frame), 40)):
            damage(database, head.first, at=at)
            try:
                # Some bits of a frame mean nothing.
                assert packs.read_pack(database, head.first) == whole
            except PieceMissing:
                assert any(f"piece {head.first} on is damaged" in fault for fault in faults_of(database))
            damage(database, head.first, at=at)  # the same bit again: it is whole
    assert faults_of(database) == []


def test_nothing_is_freed_or_merged_beside_damage(database: sqlite3.Connection) -> None:
    """The list of a body in a damaged pack looked like one that refers to nothing: its messages were freed."""
    requests = conversation(6)
    kept = records_of(requests)
    put(database, kept, batch=1)
    # A body whose list is alone in a pack, and whose messages are in the packs before.
    (last,) = records_of([requests[-1] + b" "])
    put(database, [last])
    gone = records_of([noise(n) for n in range(3)])
    put(database, gone, batch=1)
    delete(database, BodyStore(), [record.document["_id"] for record in [*kept, *gone]])
    (reference,) = database.execute(
        "SELECT request_raw FROM interactions WHERE id = ?", (last.document["_id"].binary,)
    ).fetchone()
    damaged = next(head.first for head in heads(database) if head.first <= reference < head.first + head.span)
    before = heads(database)
    damage(database, damaged)
    with pytest.raises(StoreDamaged, match=f"the pack from piece {damaged} on is damaged.*gemtap repair"):
        list(sweep(database))
    assert heads(database) == before
    damage(database, damaged)  # restored from a backup, say
    with pytest.raises(StoreDamaged):
        list(sweep(database))  # until `gemtap repair` has looked at everything
    with pytest.raises(StoreDamaged):
        upkeep_step(database, tiers=TIERS)
    assert list(repair(database, lambda _: None)) == []
    assert known_damage(database) is None
    list(sweep(database))
    assert raw_of(database, last) == last.request_raw
    assert faults_of(database) == []


def test_damage_is_one_incident(path: Path, database: sqlite3.Connection) -> None:
    """Upkeep runs after each batch of records and must not report the same damage again."""
    put(database, records_of(conversation(30)))
    damage(database, heads(database)[1].first)
    for _ in range(3):
        with pytest.raises(StoreDamaged):
            settle(database)
    assert database.execute("SELECT kind FROM gemtap_events").fetchall() == [("store_damaged",)]


@pytest.mark.parametrize("seed", range(4))
def test_repair_says_what_is_lost_and_keeps_the_rest(database: sqlite3.Connection, seed: int) -> None:
    """Lost bodies are named; everything else stays to the byte, also after garbage was collected and packs merged."""
    rng = random.Random(seed)
    records = records_of([*conversation(40), *(noise(n, 5_000) for n in range(10))])
    rng.shuffle(records)
    put(database, records, batch=7)
    for head in rng.sample(heads(database), 3):
        damage(database, head.first, rng.choice(["zstd", "lengths"]), at=rng.randrange(10))
    unreadable = set()
    for record in records:
        try:
            assert raw_of(database, record) == record.request_raw
        except PieceMissing:
            unreadable.add(record.document["_id"])
    lost = list(repair(database, lambda _: None))
    assert {fault.id for fault in lost if fault.id and "exact bytes of its request" in fault.what} == unreadable
    assert database.execute("SELECT count(*) FROM damaged_packs").fetchone() == (3,)
    assert faults_of(database) == []
    deleted = [record for record in records if record.document["_id"] not in unreadable][::3]
    delete(database, BodyStore(), [record.document["_id"] for record in deleted])
    list(sweep(database))
    settle(database)
    for record in records:
        if record in deleted:
            assert raw_of(database, record) is None
        elif record.document["_id"] in unreadable:
            assert raw_of(database, record) == b""
        else:
            assert raw_of(database, record) == record.request_raw
    assert faults_of(database) == []
    assert unreadable, "the damage met no body: choose other seeds"


@pytest.mark.anyio
async def test_an_interaction_says_which_body_it_has_lost(path: Path) -> None:
    """Its document stays, and names the reason in `body_incomplete`."""
    record = make_record(request_raw=noise(1, 40_000))
    with contextlib.closing(open_database(path)) as connection:
        put(connection, [record])
        damage(connection, heads(connection)[-1].first)
    store = open_store(f"sqlite:///{path}")
    try:
        with pytest.raises(StoreError, match="gemtap check"):
            await store.get(record.document["_id"])
        lost = [fault async for fault in store.maintenance.repair()]
        assert [fault.id for fault in lost] == [record.document["_id"], None]
        document = await store.get(record.document["_id"])
        assert document is not None
        assert document["request"]["body"] is None
        assert "lost to damage: the pack from piece" in document["request"]["body_incomplete"]
        assert document["response"] == record.document["response"]
        assert [fault async for fault in store.maintenance.check()] == []
    finally:
        await store.close()


def test_an_unreadable_document_is_moved_aside_with_its_bodies(database: sqlite3.Connection) -> None:
    """A list would fail as a whole on it. Its bodies are not garbage."""
    records = records_of([noise(1, 40_000), noise(2, 40_000)])
    put(database, records)
    id_ = records[0].document["_id"].binary
    (document,) = database.execute("SELECT document FROM interactions WHERE id = ?", (id_,)).fetchone()
    database.execute("UPDATE interactions SET document = ? WHERE id = ?", (flipped(document, 30), id_))
    (fault,) = repair(database, lambda _: None)
    assert fault.id == records[0].document["_id"]
    assert "its document cannot be read" in fault.what
    assert database.execute("SELECT id FROM damaged_interactions").fetchall() == [(id_,)]
    size = sum(head.size for head in heads(database))
    list(sweep(database))
    assert sum(head.size for head in heads(database)) == size
    assert raw_of(database, records[1]) == records[1].request_raw
    assert faults_of(database) == []


def test_every_frame_has_a_checksum(database: sqlite3.Connection) -> None:
    """Packs in every tier, their lengths and the documents."""
    put(database, records_of([*conversation(60), noise(1, 40_000)]))
    settle(database)
    rows = database.execute("SELECT lengths FROM packs UNION ALL SELECT zstd FROM packs").fetchall()
    rows += database.execute("SELECT document FROM interactions").fetchall()
    assert all(zstandard.get_frame_parameters(frame).has_checksum for (frame,) in rows)
