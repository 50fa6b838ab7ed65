"""Scans: everything that matches, whole, oldest first, once, and to an end."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from tests.exactness import exactly
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

MILLISECOND = timedelta(milliseconds=1)


async def ids_of(store: Store, where: Filter) -> list[ObjectId]:
    return [document["_id"] async for document in store.scan(where)]


def oldest_first(records: list[Record]) -> list[ObjectId]:
    return [id_ for _, id_ in sorted((each.document["timestamp"], each.document["_id"]) for each in records)]


async def test_of_nothing_there_is_nothing(store: Store) -> None:
    """A scan of an empty store, or of a filter without matches, yields nothing."""
    assert await ids_of(store, Filter()) == []
    await store.put([make_record()])
    assert await ids_of(store, Filter(provider="none of them")) == []


async def test_documents_come_whole(store: Store) -> None:
    """Scanned documents have their bodies, as `get` returns them."""
    records = [
        make_record(response_raw=b"data: 1\n\n", accumulated={"a": 1}, chunks={"at_ms": [1.0], "bytes": [9]}),
        make_record(answered=False, timestamp=NOON + MILLISECOND),
        make_record(request_raw=b"\xff", response_raw=b"text", timestamp=NOON + 2 * MILLISECOND),
    ]
    await store.put(records)
    assert [exactly(document) async for document in store.scan(Filter())] == [
        exactly(each.document) for each in records
    ]


async def test_more_than_any_batch_comes_in_order_without_gaps_or_repeats(store: Store) -> None:
    """A scan of several batches yields every document once, oldest first."""
    records = [make_record(timestamp=NOON + n // 70 * MILLISECOND) for n in range(1_100)]
    await store.put(records[::2])
    await store.put(records[1::2])
    assert await ids_of(store, Filter()) == oldest_first(records)
    late = Filter(since=NOON + 5 * MILLISECOND)
    assert await ids_of(store, late) == oldest_first(records[350:])


async def test_only_what_matches_comes(store: Store) -> None:
    """A scan yields only documents that match its filter."""
    records = [make_record(provider="gemini" if n % 3 else "openai") for n in range(900)]
    await store.put(records)
    wanted = [each for each in records if each.document["provider"] == "openai"]
    assert await ids_of(store, Filter(provider="openai")) == oldest_first(wanted)


async def test_a_scan_ends_however_much_is_stored_meanwhile(store: Store) -> None:
    """With every document that comes, a newer one, one of the same moment and an older one are stored."""
    records = [make_record(timestamp=NOON + n * MILLISECOND) for n in range(500)]
    await store.put(records)
    seen: list[ObjectId] = []
    async for document in store.scan(Filter()):
        seen.append(document["_id"])
        last = NOON + 499 * MILLISECOND
        await store.put([make_record(timestamp=when) for when in (last + MILLISECOND, last, NOON - MILLISECOND)])
    assert seen == oldest_first(records)


async def test_what_is_changed_meanwhile_comes_once(store: Store) -> None:
    """A document that is changed during a scan comes once."""
    halves = [make_record(timestamp=NOON + n * MILLISECOND, outcome="interrupted") for n in range(450)]
    await store.put(halves)
    seen: list[ObjectId] = []
    async for document in store.scan(Filter()):
        if not seen:
            await store.put([Record({**each.document, "outcome": "complete"}, b"", b"", False) for each in halves])
        seen.append(document["_id"])
    assert seen == oldest_first(halves)


async def test_two_scans_and_a_list_do_not_disturb_one_another(store: Store) -> None:
    """Two scans and a list may run at the same time."""
    records = [make_record(timestamp=NOON + n * MILLISECOND) for n in range(250)]
    await store.put(records)
    pairs = zip(await ids_of(store, Filter()), oldest_first(records), strict=True)
    outer = []
    async for document in store.scan(Filter()):
        outer.append(document["_id"])
        if len(outer) % 100 == 1:
            assert await ids_of(store, Filter()) == oldest_first(records)
            assert len(await store.list(Filter(), limit=10)) == 10
    assert all(found == wanted for found, wanted in pairs)
    assert outer == oldest_first(records)


async def test_large_documents_do_not_add_up_in_memory(store: Store) -> None:
    """Sixty bodies of 2 MB, of which Python never holds but a part."""
    body = json.dumps({"contents": [{"parts": [{"text": "x" * 2_000_000}]}]}).encode()
    for n in range(60):
        await store.put([make_record(timestamp=NOON + n * MILLISECOND, request_raw=body)])
    tracemalloc.start()
    try:
        seen = 0
        async for document in store.scan(Filter()):
            seen += document["request"]["body_bytes"]
            del document
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == 60 * len(body)
    assert peak < 80_000_000  # what MongoDB answers at once, and PyMongo copies


async def test_a_scan_that_pauses_keeps_no_write_ahead_log_from_being_folded_in(tmp_path: Path) -> None:
    """A paused scan does not prevent checkpoints of the write-ahead log."""
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    try:
        await store.put([make_record(timestamp=NOON + n * MILLISECOND) for n in range(300)])
        scan = store.scan(Filter())
        await anext(scan)
        await store.put([make_record() for _ in range(100)])
        with contextlib.closing(sqlite3.connect(tmp_path / "gemtap.db")) as connection:
            busy, pages, folded = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, pages, folded) == (0, 0, 0)
        assert len([document async for document in scan]) == 299
    finally:
        await store.close()
