"""Bodies whose lists are taken over from the turn before are stored as if each had been cut and looked up anew."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gemtap.stores.sqlite import bodies as bodies_module
from gemtap.stores.sqlite.bodies import BodyStore, BodyWriter
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.deleting import delete
from gemtap.stores.sqlite.gc import sweep
from gemtap.stores.sqlite.store import open_database
from gemtap.stores.sqlite.writing import write
from tests.records import make_record
from tests.unit.stores.test_sqlite_bodies import check_all, conversation, prose, settle


def requests(seed: int) -> list[bytes]:
    """Those of three agents in turns. Now and then one changes its history, or sends the same again."""
    rng = random.Random(seed)
    histories: list[list[dict[str, Any]]] = [[], [], []]
    found = []
    for turn in range(90):
        messages = rng.choice(histories)
        match rng.choice(["add"] * 6 + ["again", "change", "remove", "shorten"]):
            case "add":
                messages.append({"role": "user", "parts": [{"text": prose(rng.randrange(10**6), 60)}]})
                messages.append({"role": "model", "parts": [{"text": prose(turn, rng.randrange(5, 150))}]})
            case "change" if messages:
                rng.choice(messages)["parts"] = [{"text": prose(turn, 60)}]
            case "remove" if messages:
                del messages[rng.randrange(len(messages))]
            case "shorten":
                del messages[2 * len(messages) // 3 :]
        body = {"contents": messages, "systemInstruction": {"parts": [{"text": prose(-1, 2_000)}]}}
        found.append(json.dumps(body).encode())
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_database(tmp_path / "gemtap.db")) as connection:
        yield connection


@pytest.mark.parametrize("seed", range(3))
def test_what_is_stored_is_the_same_as_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Pack by pack, through compaction, transactions that fail, and the end of the deduplication window."""
    monkeypatch.setattr("gemtap.stores.sqlite.packs.DEDUP_WINDOW", 60_000)
    stored = []
    looked_up = []
    original = BodyWriter._referred
    for smallest in (6_000, 2**40):
        monkeypatch.setattr(bodies_module, "REMEMBERED_FROM", smallest)
        count = 0

        def counted(writer: BodyWriter, piece: bytes) -> int | bytes:
            nonlocal count
            count += 1
            return original(writer, piece)

        monkeypatch.setattr(BodyWriter, "_referred", counted)
        with contextlib.closing(open_database(tmp_path / f"{smallest}.db")) as connection:
            bodies, rng = BodyStore(), random.Random(seed)
            waiting = requests(seed)
            while waiting:
                batch = [waiting.pop(0) for _ in range(min(len(waiting), rng.randint(1, 7)))]
                if rng.random() < 0.2:
                    writer = bodies.writing(connection)
                    with contextlib.suppress(RuntimeError), transaction(connection, "IMMEDIATE"):
                        for request in batch[::-1]:
                            writer.put(request + b" ")
                        if rng.random() < 0.5:
                            writer.finish()
                        raise RuntimeError("the disk is full")
                records = [make_record(request_raw=request) for request in batch]
                write(connection, bodies, records)
                if rng.random() < 0.2:
                    settle(connection)
                check_all(connection, records)
            stored.append(connection.execute("SELECT first, span, lengths, zstd FROM packs ORDER BY first").fetchall())
        looked_up.append(count)
    assert stored[0] == stored[1]
    assert 2 * looked_up[0] < looked_up[1]


def test_what_was_freed_is_not_taken_over(database: sqlite3.Connection) -> None:
    """The pieces of a conversation whose turns are all deleted are stored again with its next turn."""
    bodies = BodyStore()
    turns = conversation(30)
    records = [make_record(request_raw=turn) for turn in turns]
    write(database, bodies, records[:-1])
    delete(database, bodies, [record.document["_id"] for record in records[:-1]])
    list(sweep(database))
    write(database, bodies, records[-1:])
    check_all(database, records[-1:])
