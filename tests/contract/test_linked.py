"""Links, by which the turns of a conversation find one another."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient

from gemtap.interaction import Thread
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.links import After, Before, Linked, Move
from gemtap.stores.mongo.linking import linked_one_by_one
from gemtap.stores.opening import open_store
from gemtap.stores.place import Place
from gemtap.stores.query.parsing import parse
from tests.records import NOON, at_the_end, make_record

pytestmark = pytest.mark.anyio


def linked_record(*links: bytes, minute: float = 0, **fields: Any) -> Record:
    return replace(make_record(timestamp=NOON + timedelta(minutes=minute), **fields), links=links)


def id_of(record: Record) -> ObjectId:
    return record.document["_id"]


def thread_of(record: Record) -> Thread:
    thread = record.document["thread"]
    assert thread is not None
    return thread


def place_of(record: Record) -> Place:
    return Place(record.document["timestamp"], id_of(record))


def as_linked(record: Record) -> Linked:
    return Linked(id_of(record), record.document["timestamp"], thread_of(record), record.document["outcome"])


def root(id_: ObjectId) -> Thread:
    return {"id": id_, "turn": 1, "parent": None, "new_messages": 1}


async def test_the_newest_before_a_place_is_found(store: Store) -> None:
    """Whatever the order of their ids, and of their recording."""
    newer, older, other = linked_record(b"a", minute=2), linked_record(b"a", b"b"), linked_record(b"c", minute=1)
    assert id_of(newer) < id_of(older)
    await store.put([newer, other, older])
    wanted = [at_the_end(b"a"), Before(b"a", place_of(newer)), Before(b"a", place_of(older)), at_the_end(b"x")]
    assert await store.links.before(wanted) == [as_linked(newer), as_linked(older), None, None]
    assert await store.links.before([]) == []


async def test_of_the_same_millisecond_ids_decide(store: Store) -> None:
    """If two interactions have one timestamp, the smaller id comes first."""
    first, second, third = (linked_record(b"a") for _ in range(3))
    await store.put([third, first, second])
    found = await store.links.before([Before(b"a", place_of(each)) for each in (first, second, third)])
    assert found == [None, as_linked(first), as_linked(second)]
    assert await store.links.after([After(b"a", place_of(first))]) == [as_linked(second), as_linked(third)]


async def test_servers_that_know_no_documents_stage_are_asked_one_by_one(mongod_url: str) -> None:
    """MongoDB before 5.1 gives the same answers, one after the other."""
    store = open_store(mongod_url)
    await store.open()
    records = [
        linked_record(*links, minute=minute) for links, minute in (((b"a", b"b"), 0), ((b"a",), 0), ((b"b",), 1))
    ]
    await store.put(records)
    wanted = [Before(link, place_of(record)) for link in (b"a", b"b", b"c") for record in records]
    wanted += map(at_the_end, (b"a", b"b"))
    async with AsyncMongoClient[dict[str, Any]](mongod_url, tz_aware=True) as client:
        interactions = client.get_default_database()["gemini_interactions"]
        assert await linked_one_by_one(interactions, wanted) == await store.links.before(wanted)
    await store.close()


async def test_those_after_a_place_are_found_once_each_and_oldest_first(store: Store) -> None:
    """`links.after` returns each later holder of a link once, oldest first."""
    records = [linked_record(b"a", b"b", minute=minute) for minute in (3, 1, 2, 0)]
    await store.put(records)
    last, second, third, first = records
    wanted = [After(b"a", place_of(first)), After(b"b", place_of(second))]
    assert await store.links.after(wanted) == [as_linked(each) for each in (second, third, last)]
    until: datetime = third.document["timestamp"]
    assert await store.links.after([After(b"a", place_of(second), until)]) == [as_linked(third)]
    assert await store.links.after([]) == []


async def test_only_the_first_one_after_a_place_can_be_asked_for(store: Store) -> None:
    """With `first_only`, the first holder that has a thread is returned for each wanted link."""
    bare = linked_record(b"a", minute=1, thread=None)
    records = [linked_record(b"a", b"b", minute=minute) for minute in (3, 2, 0)]
    await store.put([*records, bare])
    last, second, first = records
    wanted = [After(b"a", place_of(first), first_only=True), After(b"b", place_of(second), first_only=True)]
    assert await store.links.after(wanted[:1]) == [as_linked(second)]
    assert await store.links.after(wanted) == [as_linked(second), as_linked(last)]
    until: datetime = first.document["timestamp"]
    assert await store.links.after([After(b"a", place_of(first), until, first_only=True)]) == []


async def test_children_are_found(store: Store) -> None:
    """`links.children` returns the interactions with this parent, oldest first."""
    parent = linked_record(thread=None)
    continuing: Thread = {"id": id_of(parent), "turn": 2, "parent": id_of(parent), "new_messages": 1}
    later, earlier = (linked_record(minute=minute, thread=continuing) for minute in (2, 1))
    await store.put([later, parent, earlier, linked_record()])
    assert await store.links.children([id_of(parent), ObjectId()]) == [as_linked(earlier), as_linked(later)]
    assert await store.links.children([id_of(later)]) == await store.links.children([]) == []


async def test_the_interactions_of_threads_are_found(store: Store) -> None:
    """`links.in_threads` returns the ids of all turns of these threads."""
    first = ObjectId()
    threads: list[Thread] = [
        {"id": first, "turn": 1, "parent": None, "new_messages": 1},
        {"id": first, "turn": 2, "parent": first, "new_messages": 1},
    ]
    records = [linked_record(_id=first, thread=threads[0]), linked_record(thread=threads[1])]
    await store.put([*records, linked_record(), linked_record(thread=None)])
    assert set(await store.links.in_threads([first, ObjectId()])) == {id_of(each) for each in records}
    assert list(await store.links.in_threads([])) == []


async def test_links_are_no_part_of_the_document(store: Store) -> None:
    """Documents do not contain links."""
    record = linked_record(b"a")
    await store.put([record])
    assert await store.get(id_of(record)) == record.document


async def test_links_follow_the_record_that_replaces_an_interrupted_one(store: Store) -> None:
    """The links of a replacing record take the place of the old ones."""
    id_ = ObjectId()
    assert await store.put([linked_record(b"half", _id=id_, outcome="interrupted")]) == set()
    whole = linked_record(b"whole", _id=id_)
    assert await store.put([whole, linked_record()]) == {id_}
    assert await store.links.before([at_the_end(b"half"), at_the_end(b"whole")]) == [None, as_linked(whole)]
    assert await store.put([whole]) == {id_}


async def test_a_move_changes_the_thread_everywhere(store: Store) -> None:
    """In documents, lists, statistics, children and links; and the text is due once more."""
    target, moved = linked_record(), linked_record(b"old", thread=root(ObjectId()), minute=1)
    await store.put([replace(each, text="said") for each in (target, moved)])
    assert len(await store.statistics(Filter(), bucket="day", by="thread")) == 2
    new: Thread = {"id": thread_of(target)["id"], "turn": 3, "parent": id_of(target), "new_messages": 2}
    assert await store.links.move([Move(id_of(moved), thread_of(moved), new, (b"new",))])
    document = await store.get(id_of(moved))
    assert document == {**moved.document, "thread": new}
    assert [each.id for each in await store.links.children([id_of(target)])] == [id_of(moved)]
    (item,) = (await store.threads(Filter(), limit=5)).items
    assert (item["id"], item["turns"]) == (new["id"], 2)
    (row,) = await store.statistics(Filter(), bucket="day", by="thread")
    assert (row["key"], row["requests"]) == (str(new["id"]), 2)
    found = await store.links.before([at_the_end(b"old"), at_the_end(b"new")])
    assert [each and each.thread for each in found] == [None, new]
    assert [each["_id"] for each in await store.search_index.due(limit=5)] == [id_of(moved)]


async def test_a_move_stops_at_a_thread_that_has_changed(store: Store) -> None:
    """It and those after it stay as they are."""
    records = [linked_record(thread=root(ObjectId()), minute=minute) for minute in range(3)]
    await store.put(records)
    other, new = root(ObjectId()), root(ObjectId())
    first, second, third = records
    moves = [Move(id_of(first), thread_of(first), new), Move(id_of(second), other, new)]
    assert not await store.links.move([*moves, Move(id_of(third), thread_of(third), new)])
    assert not await store.links.move([Move(ObjectId(), other, new)])
    assert [item["thread"] for item in await store.list(Filter(), order="oldest", limit=5)] == [
        new,
        thread_of(second),
        thread_of(third),
    ]


async def test_the_id_of_any_turn_leads_to_its_thread(store: Store) -> None:
    """So the id of a thread that was joined to another one goes on leading to it."""
    first = linked_record(thread=root(first_id := ObjectId()), _id=first_id)
    joined = linked_record(_id=(id_ := ObjectId()), thread={**root(first_id), "parent": first_id, "turn": 2}, minute=1)
    await store.put([replace(each, text="said") for each in (first, joined, linked_record(minute=2))])
    for word in (str(first_id), str(id_)):
        where = parse(f"thread:{word}", NOON)
        assert [item["_id"] for item in await store.list(where, limit=5)] == [id_, first_id]
        assert [item["_id"] for item in await store.list(where, order="oldest", limit=5)] == [first_id, id_]
        assert [document["_id"] async for document in store.scan(where)] == [first_id, id_]
        assert await store.count(where) == 2
        assert [item["id"] for item in (await store.threads(where, limit=5)).items] == [first_id]
        assert [row["requests"] for row in await store.statistics(where)] == [2]
        assert await store.count(parse(f"-thread:{word}", NOON)) == 1
        assert await store.count(parse(f"thread:{word} said", NOON)) == 2
