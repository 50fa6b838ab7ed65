"""Pruning: what may not stay goes, nothing else does, recording goes on beside it, and the disk has its room again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gemtap.interaction import Thread
from gemtap.stores.base import Filter, Record, Store, StoreError
from gemtap.stores.opening import open_store
from gemtap.stores.query.parsing import parse
from gemtap.stores.search_index import Searchable
from gemtap.upkeep.prune import Pruned, Retention, prune
from tests.exactness import exactly
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
OLD = Retention(older_than=30 * DAY)


def turn(days_ago: float, thread: ObjectId | None = None, **fields: object) -> Record:
    place: Thread | None = None if thread is None else {"id": thread, "turn": 1, "parent": None, "new_messages": 1}
    return make_record(timestamp=NOON - days_ago * DAY, thread=place, **fields)  # type: ignore[arg-type]


async def ids_in(store: Store) -> set[ObjectId]:
    return {document["_id"] async for document in store.scan(Filter())}


def ids_of(*records: Record) -> set[ObjectId]:
    return {record.document["_id"] for record in records}


async def contents(store: Store) -> list[object]:
    return [exactly(document) async for document in store.scan(Filter())]


async def test_what_is_old_goes_and_it_is_written_down(store: Store) -> None:
    """Pruning by age deletes old interactions, and stores an incident about it."""
    old, new = [turn(40), turn(31)], [turn(29), turn(0)]
    await store.put([*old, *new])
    done = await prune(store, OLD, NOON)
    assert await ids_in(store) == ids_of(*new)
    assert (done.deleted, done.oldest, done.newest) == (2, NOON - 40 * DAY, NOON - 31 * DAY)
    (incident,) = await store.incidents.newest(limit=5)
    assert (incident["kind"], incident["count"]) == ("pruned", 2)
    assert "2 interactions from 2026-02-02 12:00 to 2026-02-11 12:00" in incident["message"]


async def test_a_conversation_that_goes_on_stays_whole(store: Store) -> None:
    """Pruning by age keeps old turns of a conversation with a recent turn."""
    going_on, over = ObjectId(), ObjectId()
    stays = [turn(90, going_on), turn(60, going_on), turn(1, going_on)]
    goes = [turn(90, over), turn(60, over)]
    await store.put([*stays, *goes])
    done = await prune(store, OLD, NOON)
    assert await ids_in(store) == ids_of(*stays)
    assert (done.deleted, done.kept) == (2, 2)


async def test_what_is_to_be_kept_stays_with_its_conversation(store: Store) -> None:
    """A kept interaction keeps the other turns of its conversation."""
    thread = ObjectId()
    stays = [turn(90, thread), turn(80, thread, rating="good"), turn(70, rating="good"), turn(60, tags=["keep"])]
    goes = [turn(90, ObjectId()), turn(80, rating="bad"), turn(70)]
    await store.put([*stays, *goes])
    await store.annotate(goes[2].document["_id"], tags=[])
    for query in ("rating:good", "tag:keep"):
        kept = await prune(store, Retention(older_than=30 * DAY, keep=parse(query, NOON)), NOON, dry_run=True)
        assert kept.deleted == {"rating:good": 4, "tag:keep": 6}[query]
    await store.annotate(stays[3].document["_id"], rating="good")
    await prune(store, Retention(older_than=30 * DAY, keep=parse("rating:good", NOON)), NOON)
    assert await ids_in(store) == ids_of(*stays)


async def test_what_is_kept_by_its_words_needs_all_of_them_to_be_known(store: Store) -> None:
    """Pruning refuses to keep by words while some texts are not indexed."""
    keeping, other = replace(turn(90), text="worth keeping"), replace(turn(90), text="nothing")
    unknown = turn(80)
    await store.put([keeping, other, unknown])
    wanted = Retention(older_than=30 * DAY, keep=parse('"worth keeping"', NOON))
    with pytest.raises(StoreError, match="not everything is searchable yet"):
        await prune(store, wanted, NOON)
    assert await ids_in(store) == ids_of(keeping, other, unknown)
    await store.search_index.add(
        [Searchable(unknown.document["_id"], "also worth keeping", None, unknown.document["thread"])]
    )
    await prune(store, wanted, NOON)
    assert await ids_in(store) == ids_of(keeping, unknown)


async def test_a_dry_run_says_the_same_and_changes_nothing(store: Store) -> None:
    """A dry run reports the same numbers as pruning, and deletes nothing."""
    await store.put([turn(n / 2, request_raw=os.urandom(2_000)) for n in range(300)])
    before = await contents(store)
    size = (await store.maintenance.space()).used
    for retention in (OLD, Retention(max_size=size // 2), Retention(older_than=30 * DAY, max_size=size // 2)):
        said = await prune(store, retention, NOON, dry_run=True)
        assert said.deleted > 100
        assert said.given_back == 0
    assert await contents(store) == before
    assert await store.incidents.newest(limit=5) == []
    said = await prune(store, OLD, NOON, dry_run=True)
    done = await prune(store, OLD, NOON)
    assert (
        (said.deleted, said.oldest, said.newest)
        == (done.deleted, done.oldest, done.newest)
        == (
            239,
            NOON - 149.5 * DAY,
            NOON - 30.5 * DAY,
        )
    )


async def test_by_size_the_oldest_goes_until_it_fits(store: Store) -> None:
    """Pruning by size deletes the oldest interactions until the store is small enough."""
    rated = turn(500, rating="good", request_raw=os.urandom(100_000))
    records = [turn(n, request_raw=os.urandom(100_000)) for n in range(200)]
    for start in range(0, 200, 20):
        await store.put(records[start : start + 20])
    await store.put([rated])
    size = (await store.maintenance.space(settled=True)).used
    assert size > 20_000_000
    done = await prune(store, Retention(max_size=8_000_000, keep=parse("rating:good", NOON)), NOON)
    left = await ids_in(store)
    newest = ids_of(*records[: len(left) - 1])
    assert left == newest | ids_of(rated)
    assert done.after is not None
    assert 6_000_000 < done.after.used <= 8_500_000
    assert not done.too_large


async def test_more_is_kept_than_fits(store: Store) -> None:
    """Pruning by size reports that kept interactions exceed the limit."""
    records = [turn(n, rating="good", request_raw=os.urandom(20_000)) for n in range(50)]
    await store.put(records)
    done = await prune(store, Retention(max_size=100_000, keep=parse("rating:good", NOON)), NOON)
    assert (done.deleted, done.kept, done.too_large) == (0, 50, True)
    assert await ids_in(store) == ids_of(*records)


async def test_the_disk_has_its_room_again(store: Store, store_url: str, tmp_path: Path) -> None:
    """SQLite's file shrinks at once. MongoDB's are used again, and shrink when it is told to compact."""
    records = [turn(40 if n % 4 else 0, request_raw=os.urandom(50_000)) for n in range(400)]
    for start in range(0, 400, 50):
        await store.put(records[start : start + 50])
    before = await space_on_disk(store, store_url, tmp_path)
    assert before > 20_000_000
    done = await prune(store, OLD, NOON)
    assert done.deleted == 300
    if store_url.startswith("mongodb"):
        assert done.after is not None
        assert done.after.free > 10_000_000
        with MongoClient[dict[str, object]](store_url) as client:
            client.get_default_database().command("compact", "gemini_interactions")
    assert await space_on_disk(store, store_url, tmp_path) < before / 2.5
    assert await ids_in(store) == ids_of(*records[::4])


async def space_on_disk(store: Store, url: str, folder: Path) -> int:
    if url.startswith("mongodb"):
        space = await store.maintenance.space(settled=True)
        return space.used + space.free
    return sum(file.stat().st_size for file in folder.glob("gemtap.db"))


async def test_recording_goes_on_meanwhile_and_nothing_else_is_lost(store: Store, store_url: str) -> None:
    """Another store object, as another process has it, stores while this one prunes. Each put is timed."""
    old = [turn(40 + n / 100, request_raw=os.urandom(5_000)) for n in range(1_500)]
    for start in range(0, 1_500, 250):
        await store.put(old[start : start + 250])
    recording = open_store(store_url)
    await recording.open()
    stored: list[Record] = []
    waits: list[float] = []
    over = asyncio.Event()

    async def record() -> None:
        while not over.is_set():
            batch = [turn(0, request_raw=os.urandom(5_000)) for _ in range(5)]
            started = asyncio.get_running_loop().time()
            await recording.put(batch)
            waits.append(asyncio.get_running_loop().time() - started)
            stored.extend(batch)
            # As the recorder does between two looks at what has arrived. SQLite's locks know no turns: who writes
            # without any pause lets nobody else in for seconds.
            await asyncio.sleep(0.005)

    async def remove() -> Pruned:
        try:
            return await prune(store, OLD, NOON)
        finally:
            over.set()

    try:
        _, done = await asyncio.gather(record(), remove())
    finally:
        await recording.close()
    assert done.deleted == 1_500
    assert await ids_in(store) == ids_of(*stored)
    await all_whole(store, stored)
    assert len(waits) > 10
    assert max(waits) < 5  # a transaction that takes all of it would be waited for; a loaded machine may take one


async def all_whole(store: Store, records: Sequence[Record]) -> None:
    for record in records:
        assert await store.raw(record.document["_id"], "request") == record.request_raw


async def test_what_is_interrupted_has_been_done_and_written_down(store: Store) -> None:
    """Interrupted pruning stores an incident about what it has deleted."""
    await store.put([turn(40 + n) for n in range(60)])

    class Stopped(Exception):
        pass

    def stop(done: Pruned, *_: object) -> None:
        if done.deleted >= 20:
            raise Stopped

    with pytest.raises(Stopped):
        await prune(store, OLD, NOON, progress=stop)
    left = await ids_in(store)
    assert 0 < len(left) <= 40
    (incident,) = await store.incidents.newest(limit=5)
    assert incident["count"] >= 20
    await prune(store, OLD, NOON)
    assert await ids_in(store) == set()
