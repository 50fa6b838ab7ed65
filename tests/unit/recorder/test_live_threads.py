"""Threads that have an exchange in flight are found as the recorder will find them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from gemtap.interaction import Interaction, Outcome
from gemtap.recorder.live_threads import LiveThreads
from gemtap.stores.base import Store
from gemtap.stores.opening import open_store
from tests.records import NOON, make_record
from tests.unit.recorder.test_threads import record_in

pytestmark = pytest.mark.anyio

ASKED = {"role": "user", "parts": [{"text": "Why is the sky blue?"}]}
ANSWERED = {"role": "model", "parts": [{"text": "Rayleigh."}]}
AGAIN = {"role": "user", "parts": [{"text": "And the sea?"}]}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    yield store
    await store.close()


class Flying:
    """Exchanges in flight, which count how often they are read."""

    def __init__(self) -> None:
        self.documents: dict[ObjectId, Interaction] = {}
        self.reads = 0

    def begin(self, messages: Sequence[Any], *, cut: int | None = None) -> ObjectId:
        body = json.dumps({"contents": messages}).encode()[:cut]
        record = make_record(
            request_raw=body,
            answered=False,
            outcome=str(Outcome.INTERRUPTED),
            thread=None,
            timestamp=NOON + timedelta(minutes=1),
        )
        self.documents[record.document["_id"]] = record.document
        return record.document["_id"]

    async def read(self, id_: ObjectId) -> Interaction | None:
        self.reads += 1
        return self.documents.get(id_)


async def recorded(store: Store) -> ObjectId:
    """Record the first turn, and return its thread."""
    answer = json.dumps({"candidates": [{"content": ANSWERED}]}).encode()
    request = json.dumps({"contents": [ASKED]}).encode()
    listed = await record_in(store, make_record(request_raw=request, response_raw=answer, timestamp=NOON, thread=None))
    thread: ObjectId = listed["thread"]["id"]
    return thread


async def test_the_next_turn_makes_its_thread_live(store: Store) -> None:
    """Only the thread that an exchange continues is live; each exchange is read once."""
    thread, live, flying = await recorded(store), LiveThreads(store), Flying()
    assert await live.of([], flying.read) == set()
    other = flying.begin([AGAIN])
    assert await live.of([other], flying.read) == set()
    next_turn = flying.begin([ASKED, ANSWERED, AGAIN])
    for _ in range(3):
        assert await live.of([other, next_turn], flying.read) == {thread}
    assert flying.reads == 2
    assert await live.of([other], flying.read) == set()


async def test_a_turn_that_is_recorded_late_is_found_then(store: Store) -> None:
    """An agent may send the next turn before the last one is recorded."""
    live, flying = LiveThreads(store), Flying()
    next_turn = flying.begin([ASKED, ANSWERED, AGAIN])
    assert await live.of([next_turn], flying.read) == set()
    thread = await recorded(store)
    assert await live.of([next_turn], flying.read) == {thread}


async def test_a_request_that_is_still_arriving_is_read_again(store: Store) -> None:
    """Half a body is no conversation; an exchange that ended meanwhile is left out."""
    thread, live, flying = await recorded(store), LiveThreads(store), Flying()
    id_ = flying.begin([ASKED, ANSWERED, AGAIN], cut=50)
    assert await live.of([id_, ObjectId()], flying.read) == set()
    flying.documents[id_] = {**flying.documents[flying.begin([ASKED, ANSWERED, AGAIN])], "_id": id_}
    assert await live.of([id_], flying.read) == {thread}


async def test_without_the_store_no_thread_is_live() -> None:
    """The list of threads says itself that the store is away."""
    lost = open_store("mongodb://127.0.0.1:1/gemtap?serverSelectionTimeoutMS=200")
    flying = Flying()
    id_ = flying.begin([ASKED, ANSWERED, AGAIN])
    assert await LiveThreads(lost).of([id_], flying.read) == set()
    await lost.close()
