"""The SQLite store beside a plain dictionary, under any sequence of ordinary acts and of damage.

Whatever happens, a body that comes back is the one that was stored. It may fail to come back only if bytes of it were
damaged, and then it says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bson import ObjectId
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from gemtap.stores.base import Record, StoreError
from gemtap.stores.sqlite.damage import StoreDamaged
from gemtap.stores.sqlite.packs import FINAL, FRESH
from gemtap.stores.sqlite.store import SqliteStore, open_database
from gemtap.stores.sqlite.upkeep import upkeep_step
from tests.records import make_record
from tests.unit.stores.test_sqlite_bodies import conversation

T = TypeVar("T")

TIERS = {FRESH: (8_000, 1), 1: (40_000, FINAL)}

TURNS = conversation(12)
BLOBS = [random.Random(seed).randbytes(20_000) for seed in range(4)]
BODIES = [*TURNS, *BLOBS, b"", b"{}", b"short", *(b'{"contents": [%s]}' % (b'"x",' * 500 + b"1"),)]


class StoreBesideADictionary(RuleBasedStateMachine):
    """`records` is the dictionary; `suspects` are the interactions that damage may have reached."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "gemtap.db"
        self.records: dict[ObjectId, Record] = {}
        self.suspects: set[ObjectId] = set()
        self.backup: tuple[dict[ObjectId, Record], set[ObjectId], bool] | None = None
        self.is_damaged = False
        self.store = SqliteStore(self.path)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    stored = Bundle("stored")

    @initialize()
    def open(self) -> None:
        self.run(self.store.open())

    @rule(target=stored, bodies=st.lists(st.integers(0, len(BODIES) - 1), min_size=1, max_size=4))
    def put(self, bodies: list[int]) -> ObjectId:
        records = [make_record(request_raw=BODIES[n], response_raw=BODIES[n][::-1]) for n in bodies]
        self.run(self.store.put(records))
        self.records |= {record.document["_id"]: record for record in records}
        if self.is_damaged:
            # The writer may have compared with what it read before the damage, and refer to it.
            self.suspects |= self._unreadable()
        return records[0].document["_id"]

    @rule(id_=consumes(stored))
    def delete(self, id_: ObjectId) -> None:
        was_there = id_ in self.records
        if was_there and id_ in self.suspects:
            self.run(self.store.delete([id_]))  # repair may have moved it aside
        else:
            assert self.run(self.store.delete([id_])) == was_there
        self.records.pop(id_, None)
        self.suspects.discard(id_)

    @rule()
    def collect_garbage(self) -> None:
        try:
            self.run(self._reclaim())
        except StoreDamaged:
            assert self.is_damaged

    async def _reclaim(self) -> None:
        async for _ in self.store.maintenance.reclaim():
            pass

    @rule()
    def compact(self) -> None:
        with contextlib.closing(open_database(self.path)) as connection:
            try:
                while upkeep_step(connection, tiers=TIERS):
                    pass
            except StoreDamaged:
                assert self.is_damaged

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.store = SqliteStore(self.path)
        self.run(self.store.open())

    @rule()
    def back_up(self) -> None:
        with (
            contextlib.closing(sqlite3.connect(self.path)) as source,
            contextlib.closing(sqlite3.connect(self.folder / "backup.db")) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = WAL")
        self.backup = (dict(self.records), set(self.suspects), self.is_damaged)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        """Rename the backup into place while the store is open."""
        assert self.backup is not None
        shutil.copy(self.folder / "backup.db", self.folder / "restored.db")
        os.replace(self.folder / "restored.db", self.path)
        # The store notices before other connections are opened: those would read the old file's write-ahead log.
        self.run(self.store.ping())
        records, suspects, self.is_damaged = self.backup
        self.records, self.suspects = dict(records), set(suspects)

    @rule(seed=st.integers(0, 2**32))
    def damage_a_pack(self, seed: int) -> None:
        """Turn a byte round in a pack's frame, where the file would have it turned round."""
        rng = random.Random(seed)
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            rows = connection.execute("SELECT first, lengths, zstd FROM packs").fetchall()
            if not rows:
                return
            first, *frames = rng.choice(rows)
            column = rng.randrange(2)
            frame = bytearray(frames[column])
            frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
            name = ("lengths", "zstd")[column]
            connection.execute(f"UPDATE packs SET {name} = ? WHERE first = ?", (bytes(frame), first))
        self.is_damaged = True
        self.suspects |= self._unreadable()

    def _unreadable(self) -> set[ObjectId]:
        """What a new process cannot read: a cache may still have what is damaged on the disk."""
        store = SqliteStore(self.path)
        try:
            return {id_ for id_ in self.records if not self.run(self._is_right(store, id_))}
        finally:
            self.run(store.close())

    async def _is_right(self, store: SqliteStore, id_: ObjectId) -> bool:
        """Whether an interaction is as it was stored. It fails the test if other bytes come back."""
        record = self.records[id_]
        try:
            found = await store.get(id_), await store.raw(id_, "request"), await store.raw(id_, "response")
        except StoreError:
            return False
        if found == (record.document, record.request_raw, record.response_raw):
            return True
        document = found[0]
        assert id_ in self.suspects, "other bytes came back"
        if document is None:
            return False
        lost = {side for side in ("request", "response") if "lost to damage" in str(document[side])}
        assert lost, "other bytes came back, and the document does not say so"
        assert found[1] in (record.request_raw, b"")
        assert found[2] in (record.response_raw, b"")
        return False

    @rule()
    def repair(self) -> None:
        lost = self.run(self._repair())
        assert {id_ for id_ in lost if id_ in self.records} <= self.suspects
        self.is_damaged = False
        assert self.run(self._check()) == []

    async def _repair(self) -> set[ObjectId]:
        return {fault.id async for fault in self.store.maintenance.repair() if fault.id is not None}

    async def _check(self) -> list[str]:
        return [fault.what async for fault in self.store.maintenance.check()]

    @invariant()
    def what_comes_back_is_what_was_stored(self) -> None:
        for id_ in self.records:
            assert self.run(self._is_right(self.store, id_)) or id_ in self.suspects

    def teardown(self) -> None:
        if not self.is_damaged:
            assert self.run(self._check()) == []
        self.run(self.store.close())
        self.loop.close()
        shutil.rmtree(self.folder)


TestStoreBesideADictionary = StoreBesideADictionary.TestCase
assert settings.default is not None
EXAMPLES = settings.default.max_examples // 12
# A run of 25 steps takes as long as a dozen inputs of other tests. `make fuzz` makes 4,000 steps.
TestStoreBesideADictionary.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
