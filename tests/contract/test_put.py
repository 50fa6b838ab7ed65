"""Storing twice is storing once, and a whole interaction takes the place of an interrupted one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bson import ObjectId

from gemtap.interaction import Outcome
from gemtap.stores.base import Filter, Record, RecordRejected, Store
from gemtap.stores.opening import open_store
from tests.records import make_record

pytestmark = pytest.mark.anyio

FINAL = [outcome for outcome in Outcome if outcome != Outcome.INTERRUPTED]


def interrupted(id_: ObjectId, **fields: Any) -> Record:
    return make_record(
        _id=id_, outcome="interrupted", response_raw=b'{"cand', note="the interrupted one", tags=["half"], **fields
    )


async def stored_notes(store: Store) -> list[Any]:
    return [item["note"] for item in await store.list(Filter(), limit=100)]


async def test_nothing_to_store_is_stored(store: Store) -> None:
    """Storing no records returns no ids."""
    await store.put([])
    assert await store.list(Filter(), limit=10) == []


async def test_a_batch_is_stored_whole(store: Store) -> None:
    """All records of a batch are stored."""
    records = [make_record(note=str(n)) for n in range(40)]
    await store.put(records)
    for record in records:
        assert await store.get(record.document["_id"]) == record.document


async def test_storing_twice_is_storing_once(store: Store) -> None:
    """Storing a record again changes nothing, and returns its id."""
    first = make_record(note="first")
    await store.put([first])
    await store.put([first, make_record(_id=first.document["_id"], note="second", request_raw=b"other")])
    assert await stored_notes(store) == ["first"]
    assert await store.get(first.document["_id"]) == first.document
    assert await store.raw(first.document["_id"], "request") == first.request_raw


async def test_a_batch_of_known_and_new_records_stores_the_new_ones(store: Store) -> None:
    """A batch with stored records stores the others, and returns the known ids."""
    known, new = make_record(), make_record()
    await store.put([known])
    await store.put([known, new, known])
    assert await store.get(new.document["_id"]) == new.document
    assert len(await stored_notes(store)) == 2


@pytest.mark.parametrize("outcome", FINAL)
async def test_any_other_outcome_takes_the_place_of_an_interrupted_one(store: Store, outcome: Outcome) -> None:
    """A record of any other outcome replaces an interrupted one."""
    id_ = ObjectId()
    whole = make_record(_id=id_, outcome=str(outcome), request_raw=b'{"$ref":"a","$id":"b","_id":{"a.b":1}}')
    await store.put([interrupted(id_)])
    await store.put([whole])
    assert await store.get(id_) == whole.document
    assert await store.raw(id_, "request") == whole.request_raw
    assert await store.raw(id_, "response") == whole.response_raw
    assert len(await stored_notes(store)) == 1


@pytest.mark.parametrize("outcome", FINAL)
async def test_an_interrupted_one_never_takes_the_place_of_another(store: Store, outcome: Outcome) -> None:
    """An interrupted record never replaces a stored one."""
    id_ = ObjectId()
    whole = make_record(_id=id_, outcome=str(outcome))
    await store.put([whole])
    await store.put([interrupted(id_)])
    assert await store.get(id_) == whole.document
    assert await store.raw(id_, "response") == whole.response_raw


async def test_of_two_interrupted_ones_the_first_stays(store: Store) -> None:
    """A second interrupted record does not replace the first."""
    id_ = ObjectId()
    first = interrupted(id_, request_raw=b"first")
    await store.put([first])
    await store.put([interrupted(id_, request_raw=b"second")])
    assert await store.get(id_) == first.document


@pytest.mark.parametrize("whole_first", [True, False])
async def test_in_one_batch_the_whole_one_wins_too(store: Store, whole_first: bool) -> None:
    """If a batch has an interrupted and a complete record, the complete one is stored."""
    id_ = ObjectId()
    whole = make_record(_id=id_)
    await store.put([whole, interrupted(id_)] if whole_first else [interrupted(id_), whole])
    assert await store.get(id_) == whole.document


async def test_the_filters_follow_the_replacement(store: Store) -> None:
    """Filters match the values of the replacing record."""
    id_ = ObjectId()
    await store.put([interrupted(id_, provider="old")])
    await store.put([make_record(_id=id_, provider="new")])
    assert await store.list(Filter(provider="old"), limit=10) == []
    assert len(await store.list(Filter(provider="new", outcome="complete"), limit=10)) == 1


async def test_concurrent_puts_store_everything_once(store: Store) -> None:
    """Ten tasks store the same forty records, the whole and the interrupted, in different orders."""
    ids = [ObjectId() for _ in range(40)]
    whole = [make_record(_id=id_) for id_ in ids]
    halves = [interrupted(id_) for id_ in ids]
    async with asyncio.TaskGroup() as tasks:
        for n in range(5):
            tasks.create_task(store.put(whole[n * 8 :] + whole[: n * 8]))
            tasks.create_task(store.put(halves[::-1] if n % 2 else halves))
    for record in whole:
        assert await store.get(record.document["_id"]) == record.document
    assert len(await stored_notes(store)) == 40


async def test_two_stores_at_one_address_see_one_another(store: Store, store_url: str) -> None:
    """Two stores with one URL read each other's interactions."""
    other = open_store(store_url)
    try:
        await other.open()
        mine, theirs = make_record(), make_record()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store.put([mine]))
            tasks.create_task(other.put([theirs]))
        assert await other.get(mine.document["_id"]) == mine.document
        assert await store.get(theirs.document["_id"]) == theirs.document
    finally:
        await other.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"tokens": {**make_record().document["tokens"], "total": 2**63}},
        {"model": "lone \ud800 surrogate"},
        {"finish_reason": object()},
    ],
    ids=["an integer over 64 bits", "a lone surrogate", "no value of JSON"],
)
async def test_what_can_never_be_stored_is_rejected(store: Store, fields: dict[str, Any]) -> None:
    """A record that cannot be stored raises RecordRejected."""
    good = make_record()
    with pytest.raises(RecordRejected, match="cannot be stored"):
        await store.put([good, make_record(**fields)])
    await store.put([good])
    assert await store.get(good.document["_id"]) == good.document
    assert len(await stored_notes(store)) == 1
