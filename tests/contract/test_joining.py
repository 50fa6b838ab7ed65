"""Threads of turns that are recorded in any order, by any number of recorders: the same as if in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.simulated_clients import Client, Message, Turn, model, user
from gemtap.interaction import Thread
from gemtap.providers.documents import conversation_of
from gemtap.recorder.assembling import Assembler
from gemtap.recorder.fingerprint import stored_fingerprint
from gemtap.recorder.search_backfill import SearchBackfill
from gemtap.recorder.searchable import with_text
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.links import LinkIndex, Move
from gemtap.stores.query.parsing import parse
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

ANSWERS = [model(f"The answer number {number}, long enough to be told from others.") for number in range(12)]
QUESTIONS = [user(f"Question {number}?") for number in range(12)]


def conversation(turns: int, *, begins: int = 0) -> list[Record]:
    """A conversation, turn by turn."""
    said: list[Message] = []
    records = []
    for number in range(turns):
        said.append(QUESTIONS[begins if number == 0 else number])
        records.append(record_of(said, ANSWERS[number], minutes=begins * 100 + number))
        said.append(ANSWERS[number])
    return records


def record_of(said: Sequence[Message], answer: Message | None, *, minutes: float, **fields: Any) -> Record:
    asked = json.dumps({"contents": said}).encode()
    answered = json.dumps({"candidates": [{"content": answer}] if answer else []}).encode()
    at = NOON + timedelta(minutes=minutes)
    return make_record(request_raw=asked, response_raw=answered, timestamp=at, thread=None, **fields)


async def record_in(store: Store, *records: Record) -> None:
    """Record these in one batch, as a recorder does that has just been started."""
    threads = Threads(store)
    placed = await threads.place([(each, stored_fingerprint(each.document)) for each in records])
    placed = [with_text(each, conversation_of(each.record.document)) for each in placed]
    await threads.join(placed, await store.put([each.record for each in placed]))


async def threads_in(store: Store) -> dict[ObjectId, Thread]:
    return {item["_id"]: item["thread"] for item in await store.list(Filter(), order="oldest", limit=2_000)}


def id_of(record: Record) -> ObjectId:
    return record.document["_id"]


def in_a_row(records: Sequence[Record]) -> dict[ObjectId, Thread]:
    """The threads of a conversation whose turns add two messages each."""
    ids = [id_of(each) for each in records]
    return {
        id_: {"id": ids[0], "turn": turn, "parent": parent, "new_messages": 1}
        for turn, (id_, parent) in enumerate(zip(ids, [None, *ids], strict=False), 1)
    }


@pytest.mark.parametrize(
    "order", [(1, 0), (2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1), (3, 1, 0, 2), (*range(1, 12), 0)]
)
async def test_children_join_their_parent_when_it_comes(store: Store, order: tuple[int, ...]) -> None:
    """Children of children too, one batch each."""
    records = conversation(len(order))
    for number in order:
        await record_in(store, records[number])
    assert await threads_in(store) == in_a_row(records)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_one_batch_may_hold_them_in_any_order(store: Store, order: tuple[int, ...]) -> None:
    """Turns that are stored in one batch form one thread, whatever their order."""
    records = conversation(len(order))
    await record_in(store, *(records[number] for number in order))
    assert await threads_in(store) == in_a_row(records)


async def test_the_id_of_a_thread_that_was_joined_leads_to_the_joined_thread(store: Store) -> None:
    """After two threads are joined, the old id still finds the thread."""
    records = conversation(3)
    await record_in(store, records[1], records[2])
    before = (await store.threads(Filter(), limit=5)).items
    assert [item["id"] for item in before] == [id_of(records[1])]
    await record_in(store, records[0])
    (joined,) = (await store.threads(parse(f"thread:{before[0]['id']}", NOON), limit=5)).items
    assert (joined["id"], joined["turns"]) == (id_of(records[0]), 3)
    assert (await store.threads(Filter(), limit=5)).items == [joined]


async def test_what_was_joined_is_searched_for_what_its_turn_added(store: Store) -> None:
    """The index of words has the whole prompt of a first turn, and only the end of it once that is none."""
    records = conversation(3)
    await record_in(store, records[2])
    assert await store.count(parse('"question 1"', NOON)) == 1
    await record_in(store, records[0], records[1])
    while await SearchBackfill(store.search_index, Assembler({}, None).texts).step():
        pass
    for number, record in enumerate(records):
        found = await store.list(parse(f'"question {number}"', NOON), limit=5)
        assert [item["_id"] for item in found] == [id_of(record)]
        own = await store.count(parse(f'"question {number}" thread:{id_of(records[0])}', NOON))
        assert own == 1


async def test_a_better_parent_takes_the_place_of_a_worse_one(store: Store) -> None:
    """The second turn is missing: the third continues the first until it comes."""
    records = conversation(4)
    await record_in(store, records[0], records[2], records[3])
    threads = await threads_in(store)
    assert threads[id_of(records[2])] == {
        "id": id_of(records[0]),
        "turn": 2,
        "parent": id_of(records[0]),
        "new_messages": 3,
    }
    await record_in(store, records[1])
    assert await threads_in(store) == in_a_row(records)


async def test_a_turn_that_was_put_into_another_conversation_leaves_it(store: Store) -> None:
    """Two begin with the same words; what continues the second is recorded before the second itself."""
    first = conversation(3)
    stopped = record_of([QUESTIONS[0]], model("An answer that"), minutes=20, outcome="client_disconnected")
    going_on = record_of([QUESTIONS[0], model("An answer"), QUESTIONS[5]], ANSWERS[5], minutes=21)
    then = record_of([QUESTIONS[0], model("An answer"), QUESTIONS[5], ANSWERS[5], QUESTIONS[6]], ANSWERS[6], minutes=22)
    await record_in(store, *first)
    await record_in(store, then)
    await record_in(store, going_on)
    assert {thread["id"] for thread in (await threads_in(store)).values()} == {id_of(first[0])}
    await record_in(store, stopped)
    threads = await threads_in(store)
    expected = in_a_row(first) | in_a_row([stopped, going_on, then])
    expected[id_of(going_on)]["new_messages"] = 2  # the answer was cut
    assert threads == expected


async def test_a_failed_attempt_that_comes_late_has_its_retries_beside_it(store: Store) -> None:
    """Retries join the thread of a failed attempt that is recorded after them."""
    failed = [record_of(QUESTIONS[:1], None, minutes=n, outcome="upstream_timeout") for n in (0, 8)]
    answered = record_of(QUESTIONS[:1], ANSWERS[0], minutes=16)
    child = record_of([QUESTIONS[0], ANSWERS[0], QUESTIONS[1]], ANSWERS[1], minutes=17)
    too_late = record_of(QUESTIONS[:1], ANSWERS[3], minutes=60)
    for record in (child, too_late, answered, failed[1], failed[0]):
        await record_in(store, record)
    first: Thread = {"id": id_of(failed[0]), "turn": 1, "parent": None, "new_messages": 1}
    assert await threads_in(store) == {
        **{id_of(each): first for each in (*failed, answered)},
        id_of(child): {"id": id_of(failed[0]), "turn": 2, "parent": id_of(answered), "new_messages": 1},
        id_of(too_late): {**first, "id": id_of(too_late)},
    }


async def test_a_complete_record_in_the_place_of_an_interrupted_one(store: Store) -> None:
    """The interrupted one was no answer, and the same question a retry of it; the complete one is an answer."""
    first, second = conversation(2)
    again = record_of(QUESTIONS[:1], ANSWERS[7], minutes=0.5)
    interrupted = record_of(QUESTIONS[:1], None, minutes=0, _id=id_of(first), outcome="interrupted")
    await record_in(store, interrupted)
    await record_in(store, second, again)
    threads = await threads_in(store)
    assert threads[id_of(again)]["id"] == threads[id_of(second)]["id"] == id_of(first)
    await record_in(store, first)
    assert await threads_in(store) == in_a_row([first, second]) | in_a_row([again])


async def test_what_continued_a_deleted_turn_stays_where_it_is(store: Store) -> None:
    """A late record of another conversation that begins with the same words does not take it away."""
    records = conversation(4)
    await record_in(store, *records)
    await store.delete([id_of(each) for each in records[:2]])
    before = await threads_in(store)
    stranger = record_of(QUESTIONS[:1], model("Somebody else's answer"), minutes=0.5)
    await record_in(store, stranger)
    await record_in(store, *records[2:])
    assert await threads_in(store) == before | in_a_row([stranger])


class Dying(Exception):
    """The process ends here."""


class StoppingLinks:
    """The links of a store, whose moves are made one by one, with a stop after each."""

    def __init__(self, links: LinkIndex, stop: Callable[[], Awaitable[None]]) -> None:
        self._links = links
        self._stop = stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._links, name)

    async def move(self, moves: Sequence[Move]) -> bool:
        for each in moves:
            if not await self._links.move([each]):
                return False
            await self._stop()
        return True


class StoppingStore:
    """A store with a stop after each write of a recorder."""

    def __init__(self, store: Store, stop: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._stop = stop
        self.links = StoppingLinks(store.links, stop)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        present = await self._store.put(records)
        await self._stop()
        return present


def dying_store(store: Store, writes: int) -> Any:
    """A store that fails once after so many writes, as if the recorder had died there."""
    left = iter(range(writes))

    async def stop() -> None:
        if next(left, None) is None:
            raise Dying

    return StoppingStore(store, stop)


async def test_whoever_dies_while_joining_is_mended_by_recording_the_batch_again(store: Store) -> None:
    """At every write, for a server alone has no transactions."""
    for writes in range(9):
        records = conversation(6, begins=writes % 9)
        for record in (*records[1:3][::-1], records[5], records[4]):
            await record_in(store, record)
        dying = dying_store(store, writes)
        batch = [records[0], records[3]]
        try:
            await record_in(dying, *batch)
        except Dying:
            await record_in(store, *batch)
        threads = await threads_in(store)
        assert {id_of(each): threads[id_of(each)] for each in records} == in_a_row(records), writes
        await store.delete(list(threads))


async def test_recorders_that_store_parent_and_child_at_the_same_moment(store: Store) -> None:
    """Two recorders that store a parent and its child at once join them."""
    for _ in range(5):
        records = conversation(6)
        await asyncio.gather(*(record_in(store, record) for record in records))
        assert await threads_in(store) == in_a_row(records)
        await store.delete([id_of(each) for each in records])


async def test_a_turn_is_moved_after_what_it_continues_was_moved_elsewhere(store: Store) -> None:
    """One recorder moves a turn and all that continue it; another one puts a part of these where it was, meanwhile."""
    q, a = QUESTIONS, ANSWERS
    early, late = (record_of([q[0]], a[0], minutes=minutes) for minutes in (0, 2))
    better = record_of([q[0], a[0], q[1], a[1], q[2]], a[2], minutes=1)
    moved = record_of([q[0], a[0], q[1]], a[1], minutes=3)
    child = record_of([q[0], a[0], q[1], a[1], q[2], a[2], q[3]], a[3], minutes=4)
    grandchild = record_of([q[0], a[0], q[1], a[1], q[2], a[2], q[3], a[3], q[4]], a[4], minutes=5)
    expected = await in_order(store, [early, better, late, moved, child, grandchild])
    await store.delete(list(expected))
    await in_order(store, [early, moved, child, grandchild])
    writes = 0

    async def stop() -> None:
        nonlocal writes
        writes += 1
        if writes == 3:  # the new turn is stored, the turn that continues it moved, and the child
            await record_in(store, better)

    slow: Any = StoppingStore(store, stop)
    await record_in(slow, late)
    assert writes > 3
    assert await threads_in(store) == expected


def simulated(seed: int, conversations: int, turns: int) -> list[Record]:
    """Turns of clients that begin with few tasks, fail, stop, branch and compact; a second between two of them."""
    rng = Random(seed)
    at_work = [Client(Random(rng.random())).work(turns) for _ in range(conversations)]
    return [
        replace(record, document={**record.document, "timestamp": NOON + timedelta(seconds=number)})
        for number, record in enumerate(map(recorded, _interleaved(at_work, rng)))
    ]


def _interleaved(at_work: list[Iterator[Turn]], rng: Random) -> Iterator[Turn]:
    while at_work:
        chosen = rng.choice(at_work)
        turn = next(chosen, None)
        if turn is None:
            at_work.remove(chosen)
        else:
            yield turn


def recorded(turn: Turn) -> Record:
    outcome = "client_disconnected" if turn.broke_off else "complete" if turn.answer else "upstream_timeout"
    return record_of(turn.contents, turn.answer, minutes=0, outcome=outcome)


async def in_order(store: Store, records: Sequence[Record]) -> Mapping[ObjectId, Thread]:
    for record in records:
        await record_in(store, record)
    return await threads_in(store)


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_and_any_split_give_the_threads_of_the_right_order(store: Store, seed: int) -> None:
    """Three recorders at once, each with batches of its own, of conversations that wander between them."""
    rng = Random(seed)
    records = simulated(seed, conversations=4, turns=6)
    expected = await in_order(store, records)
    await store.delete(list(expected))
    taps: list[list[Record]] = [[], [], []]
    for record in records:
        rng.choice(taps).append(record)

    async def work(arriving: list[Record]) -> None:
        rng.shuffle(arriving)
        while arriving:
            size = rng.choice((1, 2, 10))
            batch, arriving = arriving[:size], arriving[size:]
            await record_in(store, *batch)

    await asyncio.gather(*map(work, taps))
    found = await threads_in(store)
    assert {id_: thread for id_, thread in found.items() if thread != expected[id_]} == {}
    assert len(found) == len(records)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 9),
    order=st.permutations(range(12)),
    sizes=st.lists(st.integers(1, 8), min_size=12, max_size=12),
)
async def test_any_order_and_any_batches_give_the_threads_of_the_right_order(
    store: Store, seed: int, order: Sequence[int], sizes: Sequence[int]
) -> None:
    """One batch after the other, each by a recorder that knows nothing but the store."""
    records = simulated(seed, conversations=2, turns=3)
    expected = await in_order(store, records)
    await store.delete(list(expected))
    arriving = [records[number] for number in order if number < len(records)] + records[12:]
    for size in sizes:
        batch, arriving = arriving[:size], arriving[size:]
        await record_in(store, *batch)
    await record_in(store, *arriving)
    found = await threads_in(store)
    await store.delete(list(found))
    assert found == expected
