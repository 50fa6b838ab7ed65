"""How the SQLite store keeps bodies: each distinct piece once, to the letter, and free again when it is nobody's."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.stores.base import Record
from gemtap.stores.sqlite.bodies import BodyStore, counters, key_of
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.deleting import delete
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.integrity import verify
from gemtap.stores.sqlite.packs import FINAL, FRESH, PieceMissing, dedup_window_start, heads, read_pack
from gemtap.stores.sqlite.reading import read, read_raw
from gemtap.stores.sqlite.store import open_database
from gemtap.stores.sqlite.upkeep import upkeep_step
from gemtap.stores.sqlite.writing import write
from tests.records import make_record

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_database(tmp_path / "gemtap.db")) as connection:
        yield connection


def put(connection: sqlite3.Connection, bodies: BodyStore, *raws: bytes) -> list[int]:
    writer = bodies.writing(connection)
    with transaction(connection, "IMMEDIATE"):
        references = [writer.put(raw) for raw in raws]
        writer.finish()
    return references


@cache
def prose(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(words))


def conversation(turns: int, indent: int | None = None) -> list[bytes]:
    """The requests of an agent that sends everything anew with each turn."""
    messages: list[dict[str, Any]] = []
    requests = []
    for turn in range(turns):
        messages.append({"role": "user", "parts": [{"text": prose(turn, 150)}]})
        body = {"contents": messages, "systemInstruction": {"parts": [{"text": prose(-1, 2_000)}]}}
        requests.append(json.dumps(body, indent=indent).encode())
        messages.append({"role": "model", "parts": [{"text": prose(1_000 + turn, 80)}]})
    return requests


def put_requests(connection: sqlite3.Connection, requests: list[bytes]) -> None:
    write(connection, BodyStore(), [make_record(request_raw=request) for request in requests])


def everything(connection: sqlite3.Connection) -> list[str]:
    return [fault.what for fault in verify(connection, BodyStore(), lambda _: None)]


def settle(connection: sqlite3.Connection) -> None:
    """As upkeep does it with megabytes."""
    while upkeep_step(connection, tiers={FRESH: (40_000, 1), 1: (250_000, FINAL)}):
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=600),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "model"]), "parts": st.lists(JSON, max_size=4)}), max_size=6
)
SPACE = st.sampled_from(["", " ", "\n", "\r\n  ", "\t"])


@settings(deadline=None)
@given(raws=st.lists(st.binary(max_size=20_000), min_size=1, max_size=4))
def test_any_bytes_come_back(raws: list[bytes]) -> None:
    """Any bytes come back from the packs unchanged."""
    with contextlib.closing(in_memory()) as connection:
        references = put(connection, BodyStore(), *raws)
        assert [BodyStore().get(connection, reference) for reference in references] == raws


@settings(deadline=None)
@given(
    messages=MESSAGES,
    name=st.sampled_from(["contents", "messages", "input", "steps", "tools", "nothing"]),
    wrapped=st.booleans(),
    space=SPACE,
    indent=st.sampled_from([None, 1, 4]),
    ascii_only=st.booleans(),
)
def test_any_conversation_comes_back_whatever_its_white_space(
    messages: Any, name: str, wrapped: bool, space: str, indent: int | None, ascii_only: bool
) -> None:
    """Bodies of conversations come back exactly, whatever their white space."""
    body = {"model": "m", name: messages, "last": space}
    text = json.dumps({"request": body} if wrapped else body, indent=indent, ensure_ascii=ascii_only)
    raw = space.encode() + text.encode("utf-8", "replace").replace(b":", b":" + space.encode()) + space.encode()
    with contextlib.closing(in_memory()) as connection:
        writing, reading = BodyStore(), BodyStore()
        first, again, cut = put(connection, writing, raw, raw, raw[: len(raw) // 2])
        assert reading.get(connection, first) == reading.get(connection, again) == raw
        assert reading.get(connection, cut) == raw[: len(raw) // 2]


def in_memory() -> sqlite3.Connection:
    """A database with what bodies need of the schema, for it takes a tenth of a second to make all of it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER);"
        "INSERT INTO counters VALUES ('piece', 1), ('blob', 1 << 40), ('bodies', 0), ('deleted', 0);"
        "CREATE TABLE packs (first INTEGER PRIMARY KEY, span, size, tier, edition, lengths, zstd);"
        "CREATE TABLE pieces (key INTEGER PRIMARY KEY, number)"
    )
    return connection


@pytest.mark.parametrize("indent", [None, 2])
def test_a_conversation_of_200_turns_costs_what_is_new_in_each(
    database: sqlite3.Connection, indent: int | None
) -> None:
    """A long conversation grows by the new messages of each turn only."""
    requests = conversation(200, indent)
    for start in range(0, 200, 8):
        put_requests(database, requests[start : start + 8])
    settle(database)
    packed, pieces = (
        database.execute("SELECT sum(pgsize) FROM dbstat WHERE name = ?", (name,)).fetchone()[0]
        for name in ("packs", "pieces")
    )
    limit = len(zstandard.ZstdCompressor(level=19).compress(requests[-1]))
    assert sum(map(len, requests)) > 50 * len(requests[-1])
    assert packed + pieces < 1.35 * limit
    (rows,) = database.execute("SELECT count(*) FROM pieces").fetchone()
    assert rows <= 2 * 200 + 1 + 200 // 4  # of which groups are the least part
    for reference, request in zip(database.execute("SELECT request_raw FROM interactions"), requests, strict=True):
        assert BodyStore().get(database, reference[0]) == request
    assert everything(database) == []


def test_lists_have_their_groups_in_common_from_soon_after_a_change_on(database: sqlite3.Connection) -> None:
    """Two lists share their groups again soon after a difference."""
    turns = conversation(120)
    edited = json.loads(turns[-1])
    edited["contents"][20]["parts"][0]["text"] = prose(7_000, 150)
    del edited["contents"][30]
    bodies = BodyStore()
    references = put(database, bodies, *turns[-2:], json.dumps(edited).encode())
    before, after, other = (set(bodies.list_of(database, reference).groups) for reference in references)
    assert len(before) >= 10
    assert before <= after
    assert len(after - other) <= 4
    sizes = [len(read_pack(database, reference).piece(reference)) for reference in references]
    assert max(sizes) < 1_000


def test_what_was_written_long_ago_is_kept_again(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body is not read from packs of all times."""
    monkeypatch.setattr("gemtap.stores.sqlite.packs.DEDUP_WINDOW", 300_000)
    requests = conversation(20)
    bodies = BodyStore()
    first, again = put(database, bodies, requests[-1], requests[-1])
    assert bodies.list_of(database, again) == bodies.list_of(database, first)
    others = [make_record(request_raw=os.urandom(8_000)) for _ in range(100)]
    for start in range(0, 100, 10):
        write(database, bodies, others[start : start + 10])
    settle(database)
    (known, far) = database.execute(
        "SELECT count(*), coalesce(sum(number < ?), 0) FROM pieces", (dedup_window_start(database),)
    ).fetchone()
    assert far * 2 < max(known, 1)
    (late,) = put(database, bodies, requests[-1])
    assert min(bodies.list_of(database, late).numbers()) > late - 100
    (soon,) = put(database, bodies, requests[-1])
    assert bodies.list_of(database, soon) == bodies.list_of(database, late)
    for reference in (first, again, late, soon):
        assert BodyStore().get(database, reference) == requests[-1]
    assert everything(database) == []


def test_a_body_in_several_large_packs_is_read_from_all_of_them(database: sqlite3.Connection) -> None:
    """A body whose pieces are in several packs comes back unchanged."""
    texts = [prose(seed, 3_000) * 150 for seed in range(5)]
    raw = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]} for text in texts]}).encode()
    (reference,) = put(database, BodyStore(), raw)
    packs = heads(database)
    assert len(packs) >= 4
    assert BodyStore().get(database, reference) == raw
    database.execute("UPDATE packs SET zstd = zeroblob(20) WHERE first = ?", (packs[2].first,))
    with pytest.raises(PieceMissing, match=f"the pack from piece {packs[2].first} on is damaged"):
        BodyStore().get(database, reference)


def test_two_pieces_with_one_key_stay_two(database: sqlite3.Connection) -> None:
    """No hash has to be unique: what is found is compared."""
    first, second = b"a" * 40_000, b"b" * 40_000
    put(database, BodyStore(), first)
    database.execute("UPDATE pieces SET key = ?", (key_of(second),))
    references = put(database, BodyStore(), second, first)
    assert [BodyStore().get(database, reference) for reference in references] == [second, first]


def test_a_transaction_that_fails_leaves_nothing_behind(database: sqlite3.Connection) -> None:
    """The numbers that it gave are given again: nobody may remember what they meant."""
    bodies = BodyStore()
    writer = bodies.writing(database)
    database.execute("BEGIN IMMEDIATE")
    writer.put(b"a" * 40_000)
    writer.finish()
    database.execute("ROLLBACK")
    (reference,) = put(database, bodies, b"b" * 40_000)
    assert bodies.get(database, reference) == b"b" * 40_000


def test_what_only_the_deleted_had_is_freed_and_nothing_else(database: sqlite3.Connection) -> None:
    """Garbage collection frees only pieces of deleted interactions."""
    bodies = BodyStore()
    shared, own = os.urandom(60_000), os.urandom(50_000)
    requests = conversation(60)
    records = [make_record(request_raw=request) for request in requests]
    records += [make_record(request_raw=shared), make_record(request_raw=shared), make_record(request_raw=own)]
    for start in range(0, len(records), 9):
        write(database, bodies, records[start : start + 9])
    settle(database)
    before = sum(head.size for head in heads(database))
    # The first turns of a conversation share all their pieces; `own` shares none.
    gone = [*records[:30], records[-1], records[-2]]
    delete(database, bodies, [record.document["_id"] for record in gone])
    freed = [step.freed for step in sweep(database)][-1]
    assert 50_000 <= freed < 120_000
    assert sum(map(len, requests[:30])) > 500_000
    assert sum(head.size for head in heads(database)) == before - freed
    assert counters(database)["deleted"] == 0
    left = [record for record in records if record not in gone]
    check_all(database, left)
    delete(database, bodies, [record.document["_id"] for record in left])
    assert list(sweep(database))
    assert heads(database) == []
    assert database.execute("SELECT count(*) FROM pieces").fetchone() == (0,)
    assert database.execute("PRAGMA freelist_count").fetchone() == (0,)


def check_all(connection: sqlite3.Connection, records: list[Record]) -> None:
    """Each is there as it was stored, read from the disk."""
    bodies = BodyStore()
    for record in records:
        assert read(connection, bodies, record.document["_id"]) == record.document
        assert read_raw(connection, bodies, record.document["_id"], "request") == record.request_raw
        assert read_raw(connection, bodies, record.document["_id"], "response") == record.response_raw
    assert everything(connection) == []


def test_an_interrupted_one_leaves_nothing_when_it_is_replaced(database: sqlite3.Connection) -> None:
    """After garbage collection, nothing of a replaced interaction is left."""
    bodies = BodyStore()
    id_, torn = ObjectId(), os.urandom(40_000)
    write(database, bodies, [make_record(_id=id_, outcome="interrupted", request_raw=torn)])
    whole = make_record(_id=id_)
    write(database, bodies, [whole])
    list(sweep(database))
    assert sum(head.size for head in heads(database)) < 5_000
    check_all(database, [whole])


def test_what_is_stored_while_it_is_swept_stays(database: sqlite3.Connection, tmp_path: Path) -> None:
    """It refers to pieces that were nobody's when the sweep began."""
    bodies = BodyStore()
    requests = conversation(40)
    first = make_record(request_raw=requests[-1])
    write(database, bodies, [first])
    write(database, bodies, [make_record(request_raw=os.urandom(30_000))])
    delete(database, bodies, [first.document["_id"]])
    again = make_record(request_raw=requests[-1])
    steps = sweep(database)
    with contextlib.closing(open_database(tmp_path / "gemtap.db")) as other:
        # After it has marked, before it comes to the second pack.
        assert next(steps)
        write(other, BodyStore(), [again])
    list(steps)
    check_all(database, [again])


@pytest.mark.parametrize("work", ["upkeep", "sweep"])
def test_readers_see_every_body_whole_while_packs_change(tmp_path: Path, work: str) -> None:
    """Readers get whole bodies during compaction and garbage collection."""
    path = tmp_path / "gemtap.db"
    requests = conversation(120)
    records = [make_record(request_raw=request) for request in requests]
    stays = records[::3]
    over = threading.Event()
    faults: list[str] = []

    def look() -> None:
        with contextlib.closing(open_database(path)) as connection:
            while not over.is_set():
                record = random.choice(stays)
                try:
                    raw = read_raw(connection, BodyStore(), record.document["_id"], "request")
                except PieceMissing as exc:
                    faults.append(str(exc))
                    return
                if raw not in (None, record.request_raw):
                    faults.append(f"{record.document['_id']} is not what was stored")

    with contextlib.closing(open_database(path)) as connection:
        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            bodies = BodyStore()
            for start in range(0, 120, 10):
                write(connection, bodies, records[start : start + 10])
            gone = [record for record in records if record not in stays]
            for start in range(0, len(gone), 20):
                delete(connection, bodies, [record.document["_id"] for record in gone[start : start + 20]])
                if work == "sweep":
                    list(sweep(connection))
            settle(connection)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert faults == []
        check_all(connection, stays)


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_torn(tmp_path: Path) -> None:
    """After a kill during writes, every stored body is whole."""
    path = tmp_path / "gemtap.db"
    script = (
        "import sys; from pathlib import Path\n"
        "from gemtap.stores.sqlite.store import open_database\n"
        "from gemtap.stores.sqlite.bodies import BodyStore\n"
        "from gemtap.stores.sqlite.writing import write\n"
        "from gemtap.stores.sqlite.upkeep import upkeep_step\n"
        "from tests.records import make_record\n"
        "from tests.unit.stores.test_sqlite_bodies import conversation\n"
        "connection, bodies = open_database(Path(sys.argv[1])), BodyStore()\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for request in conversation(60):\n"
        "        write(connection, bodies, [make_record(request_raw=request)])\n"
        "        upkeep_step(connection, tiers={0: (40_000, 1), 1: (200_000, 9)})\n"
        "        print('written', flush=True)\n"
    )
    stored = 0
    for writes in (1, 7, 20):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            assert [process.stdout.readline() for _ in range(writes)][-1] == "written\n"
            time.sleep(0.01 * writes)
            process.kill()
        with contextlib.closing(open_database(path)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM interactions").fetchone()
            assert count >= stored + writes
            stored = count
            assert everything(connection) == []
            assert counters(connection)["bodies"] == 2 * count
