"""Copying a store into one of the other kind: whole, to the last byte, also after it was killed in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gemtap.incident import Incident, IncidentKind
from gemtap.stores.base import Filter, Store
from gemtap.stores.opening import open_store
from gemtap.stores.query.parsing import parse
from gemtap.upkeep.copy import copy
from tests.contract.test_moving import RECORDS, contents
from tests.exactness import exactly
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


@pytest.fixture
async def other_url(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty store of the other kind."""
    if store_url.startswith("mongodb"):
        yield f"sqlite:///{tmp_path / 'other.db'}"
        return
    url = f"{request.getfixturevalue('mongod').url}/other_{ObjectId()}"
    yield url
    with MongoClient[dict[str, object]](url) as client:
        client.drop_database(client.get_default_database().name)


@pytest.fixture
async def other(other_url: str) -> AsyncIterator[Store]:
    other = open_store(other_url)
    await other.open()
    yield other
    await other.close()


def incident(n: int) -> Incident:
    at = NOON + timedelta(seconds=n)
    kind = IncidentKind.STORE_OUTAGE
    return {"_id": ObjectId(), "at": at, "until": at, "kind": kind, "count": n, "message": "away", "details": {"n": n}}


async def test_everything_arrives(store: Store, other: Store) -> None:
    """A copy has every interaction with all its data, and all incidents."""
    links = {each.document["_id"]: (b"all", each.document["_id"].binary) for each in RECORDS}
    await store.put([replace(each, links=links[each.document["_id"]]) for each in RECORDS])
    await store.annotate(RECORDS[0].document["_id"], tags=["a b", "c"], rating="bad", note="later")
    incidents = [incident(n) for n in range(1_100)]
    await store.incidents.put(incidents)
    done = await copy(store, other)
    assert (done.copied, done.present, done.rejected, done.incidents) == (len(RECORDS), 0, {}, 1_100)
    assert await contents(other) == await contents(store)
    found = await other.links.of(list(links))
    assert {id_: sorted(each) for id_, each in found.items()} == {id_: sorted(each) for id_, each in links.items()}
    assert await other.incidents.newest(limit=2_000) == await store.incidents.newest(limit=2_000)
    found_by_words = await other.list(parse('"why is the sky"', NOON), limit=50)
    assert RECORDS[0].document["_id"] in {item["_id"] for item in found_by_words}
    assert await other.search_index.due(limit=5) == []
    assert [item["_id"] for item in await other.list(Filter(tag="a b"), limit=5)] == [RECORDS[0].document["_id"]]


async def test_again_it_copies_the_rest_and_leaves_what_is_there(store: Store, other: Store) -> None:
    """A second copy adds what is missing, and leaves the rest unchanged."""
    records = [make_record(timestamp=NOON + timedelta(seconds=n)) for n in range(450)]
    torn = replace(records[7], document={**records[7].document, "outcome": "interrupted"})
    await store.put([*records[:7], torn, *records[8:300]])
    assert (await copy(store, other)).copied == 300
    await other.annotate(records[5].document["_id"], note="mine")
    await store.put([records[7], *records[300:]])
    seen: list[tuple[int, int]] = []
    done = await copy(store, other, progress=lambda done, total: seen.append((done.looked_at, total)))
    assert (done.copied, done.present) == (151, 299)
    assert seen[-1] == (450, 450)
    assert seen == sorted(seen)
    document = await other.get(records[5].document["_id"])
    assert document is not None
    assert document["note"] == "mine"
    assert exactly(await other.get(records[7].document["_id"])) == exactly(records[7].document)


async def test_it_ends_while_others_go_on_recording(store: Store, other: Store) -> None:
    """A copy ends although new interactions are stored all the time."""
    await store.put([make_record(timestamp=NOON + timedelta(seconds=n)) for n in range(100)])
    over = asyncio.Event()
    more = 0

    async def record() -> None:
        nonlocal more
        while not over.is_set():
            more += 1
            await store.put([make_record(timestamp=NOON + timedelta(hours=more))])

    async def run() -> int:
        try:
            return (await copy(store, other)).copied
        finally:
            over.set()

    _, copied = await asyncio.gather(record(), run())
    assert 100 <= copied <= 100 + more
    again = await copy(store, other)
    assert copied + again.copied == 100 + more
    assert await contents(other) == await contents(store)


async def test_what_the_other_store_cannot_hold_is_named(store: Store, other: Store) -> None:
    """A document that is over 16 MB even without its bodies is one for SQLite alone: MongoDB never gets to have it."""
    if type(store).__name__ == "MongoStore":
        store, other = other, store
    good = [make_record() for _ in range(30)]
    huge = make_record(request={"headers": {"x-huge": "x" * 17_000_000}})
    await store.put([*good, huge])
    done = await copy(store, other)
    assert done.copied == 30
    assert list(done.rejected) == [huge.document["_id"]]
    assert "16 MB" in done.rejected[huge.document["_id"]]


async def test_killed_in_the_middle_and_run_again(store: Store, store_url: str, other_url: str) -> None:
    """A copy that is killed is completed by the next one."""
    records = [
        make_record(
            timestamp=NOON + timedelta(seconds=n // 3), request_raw=os.urandom(3_000_000 if n % 90 == 0 else 3_000)
        )
        for n in range(900)
    ]
    for start in range(0, 900, 100):
        await store.put(records[start : start + 100])
    command = [sys.executable, "-m", "gemtap", "copy", "--store", store_url, "--to", other_url]
    kills = 0
    for wanted in (50, 300, 600):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            await _until_there_are(other_url, wanted, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait(30)
    assert kills >= 2
    done = subprocess.run(command, capture_output=True, timeout=100, check=True, text=True)
    assert "were already stored" in done.stdout
    other = open_store(other_url)
    try:
        assert await contents(other) == await contents(store)
        assert [fault async for fault in other.maintenance.check()] == []
    finally:
        await other.close()


async def _until_there_are(url: str, wanted: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    other = open_store(url)
    try:
        await other.open()
        while process.poll() is None and await other.count(Filter()) < wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)
    finally:
        await other.close()
