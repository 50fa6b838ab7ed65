"""MongoDB as a replica set: what the store asks of it, and what becomes of that when the primary is killed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from gemtap.stores.base import Filter, StoreUnavailable
from gemtap.stores.mongo.client import client_for
from gemtap.stores.opening import open_store
from tests.records import NOON, make_record
from tests.replica_set import ReplicaSet

pytestmark = pytest.mark.anyio

PATIENCE = 90.0


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """Three members, of which any may be killed."""
    members = ReplicaSet(tmp_path_factory.mktemp("replica-set"))
    try:
        members.start()
        yield members
    finally:
        members.stop()


@pytest.mark.parametrize("url", ["mongodb://localhost/gemtap", "mongodb://a,b,c/gemtap?replicaSet=rs"])
async def test_writes_are_on_the_disks_of_a_majority_and_are_tried_again(url: str) -> None:
    """The client writes to the disks of a majority, and retries writes."""
    client = client_for(url)
    assert client.write_concern.document == {"w": "majority", "j": True}
    assert client.options.retry_writes
    assert client.options.retry_reads
    await client.close()


async def test_the_address_has_the_last_word() -> None:
    """Options in the URL override the defaults."""
    client = client_for("mongodb://localhost/gemtap?w=1&journal=false&retryWrites=false")
    assert client.write_concern.document == {"w": 1, "j": False}
    assert not client.options.retry_writes
    await client.close()


async def test_nothing_that_was_stored_goes_with_the_primary_and_statistics_stay_right(replica_set: ReplicaSet) -> None:
    """Members are killed while records are put, as the recorder puts them: again until it succeeds."""
    url = replica_set.url("killed")
    records = [make_record(timestamp=NOON + timedelta(hours=number)) for number in range(120)]
    store = open_store(url)
    refused = 0

    async def put_all() -> None:
        nonlocal refused
        for start in range(0, len(records), 4):
            while True:
                try:
                    await store.put(records[start : start + 4])
                    break
                except StoreUnavailable:
                    refused += 1
                    await asyncio.sleep(0.1)
            await counted()

    async def counted() -> int:
        """Asked for all along, so that days are kept that go on changing."""
        try:
            return sum(row["requests"] for row in await store.statistics(Filter(), bucket="day", by="model"))
        except StoreUnavailable:
            return -1

    await store.open()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        putting = tasks.create_task(put_all())
        for _ in range(2):
            await asyncio.to_thread(replica_set.kill_the_primary)
        await putting
    async with asyncio.timeout(PATIENCE):
        while (count := await counted()) == -1:
            await asyncio.sleep(0.5)
    assert count == len(records)
    assert await store.count(Filter()) == len(records)
    await store.close()
    on_each = [await asyncio.to_thread(_count_on, member.url) for member in replica_set.members]
    assert on_each == [len(records)] * 3, f"{refused} puts were refused meanwhile"


def _count_on(url: str) -> int:
    """How many one member has, once it has caught up. One that has just been started answers nothing at first."""
    count = 0
    with MongoClient[dict[str, Any]](url, directConnection=True, readPreference="nearest") as client:
        deadline = time.monotonic() + PATIENCE
        while count < 120 and time.monotonic() < deadline:
            try:
                count = client["killed"]["gemini_interactions"].count_documents({})
            except PyMongoError:
                count = -1
            time.sleep(0.2)
    return count
