"""Rows in MongoDB: lists say what the documents say, whatever becomes of the rows."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any, cast

import pytest
from bson import ObjectId
from pymongo.database import Database

from gemtap.interaction import summary
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from gemtap.stores.paging import page_of
from gemtap.stores.query.parsing import parse
from tests.contract.test_statistics import varied
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


async def listed(store: Store) -> list[dict[str, Any]]:
    """Everything, as every list gives it."""
    items = await store.list(Filter(), limit=500)
    assert list(reversed(items)) == await store.list(Filter(), order="oldest", limit=500)
    recorded = await store.list(Filter(), order="recorded", limit=500)
    assert sorted(recorded, key=lambda item: (item["timestamp"], item["_id"]), reverse=True) == items
    return items


async def right(store: Store) -> list[dict[str, Any]]:
    """What they are to be: the documents without their bodies."""
    documents = [summary(document) async for document in store.scan(Filter())]
    return documents[::-1]


def plain(**fields: Any) -> Record:
    """A record without annotations."""
    return make_record(**{"tags": [], **fields})


def some(number: int = 12) -> list[Record]:
    """A few of them, two at each moment."""
    return [plain(timestamp=NOON + timedelta(seconds=second // 2)) for second in range(number)]


async def test_every_interaction_gets_a_row_without_its_bodies(store: Store, database: Database[Any]) -> None:
    """A row has no body, no exact bytes and nothing else that only the store knows."""
    await store.put([plain(), plain(answered=False)])
    rows = list(database["gemtap_rows"].find())
    assert len(rows) == 2
    for row in rows:
        assert not row.keys() & {"links", "search"}
        for side in filter(None, (row["request"], row["response"])):
            assert not side.keys() & {"body", "raw", "raw_file", "raw_hash", "chunks"}


async def test_lists_are_right_where_rows_are_missing_and_rows_come_back(store: Store, database: Database[Any]) -> None:
    """A recorder was killed between the two writes, or an earlier version has written."""
    await store.put(some())
    expected = await right(store)
    database["gemtap_rows"].delete_many({"_id": {"$in": [item["_id"] for item in expected[::2]]}})
    assert await listed(store) == expected
    assert database["gemtap_rows"].count_documents({}) == len(expected)
    assert await listed(store) == expected


async def test_a_replaced_interaction_is_listed_as_it_is(store: Store, database: Database[Any]) -> None:
    """Also where the recorder was killed before it has replaced the row, or knows of no rows."""
    half = plain(outcome="interrupted", finish_reason=None)
    await store.put([half, *some(3)])
    stale = database["gemtap_rows"].find_one({"_id": half.document["_id"]})
    assert stale is not None
    await store.put([plain(_id=half.document["_id"], preview={"prompt": "whole", "answer": "answer"})])
    database["gemtap_rows"].replace_one({"_id": stale["_id"]}, stale)
    assert await listed(store) == await right(store)
    row = database["gemtap_rows"].find_one({"_id": stale["_id"]})
    assert row is not None
    assert row["preview"]["prompt"] == "whole"
    assert [fault async for fault in store.maintenance.check()] == []


async def test_an_interaction_that_was_deleted_and_stored_again_has_the_new_row(
    store: Store, database: Database[Any]
) -> None:
    """The old one was left behind: its document was deleted by hand."""
    old = plain(preview={"prompt": "old", "answer": None})
    await store.put([old])
    database["gemini_interactions"].delete_one({"_id": old.document["_id"]})
    assert await listed(store) == []
    await store.put([plain(_id=old.document["_id"], preview={"prompt": "new", "answer": None})])
    (item,) = await listed(store)
    assert item["preview"]["prompt"] == "new"


async def test_what_was_stored_first_stays_listed(store: Store) -> None:
    """A record that is there already changes neither its document nor its row."""
    first = plain(preview={"prompt": "first", "answer": None})
    await store.put([first])
    await store.put([plain(_id=first.document["_id"], preview={"prompt": "second", "answer": None})])
    (item,) = await listed(store)
    assert item["preview"]["prompt"] == "first"


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ["by hand"]},
        {"tags": [f"tag {number}" for number in range(8)]},
        {"tags": [f"tag {number}" for number in range(12)]},
        {"tags": [None, "second"]},
        {"note": "by hand"},
        {"rating": "bad"},
        {"model": "gemini-3"},
        {"client.user": "ada"},
        {"thread": {"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1}},
        {"timestamp": NOON + timedelta(days=2)},
        {"error": {"message": "by hand", "details": None}},
        {"cost.usd": 2.5},
    ],
    ids=lambda change: str(*change),
)
async def test_what_is_changed_by_hand_is_seen_at_once(
    store: Store, database: Database[Any], change: dict[str, Any]
) -> None:
    """In every field that lists are filtered by, and back again."""
    records = some()
    await store.put(records)
    before = await right(store)
    victim = {"_id": records[5].document["_id"]}
    document = database["gemini_interactions"].find_one(victim)
    database["gemini_interactions"].update_one(victim, {"$set": change})
    assert await listed(store) == await right(store) != before
    assert document is not None
    database["gemini_interactions"].replace_one(victim, document)
    assert await listed(store) == before


async def test_a_check_finds_rows_that_mislead_and_repair_mends_them(store: Store, database: Database[Any]) -> None:
    """A header was changed by hand, which no index has: lists show the old one until the rows are made anew."""
    records = some()
    await store.put(records)
    id_ = records[3].document["_id"]
    database["gemini_interactions"].update_one({"_id": id_}, {"$set": {"request.headers.x-trace": "by hand"}})
    (fault,) = [fault async for fault in store.maintenance.check()]
    assert fault.id == id_
    assert "`gemtap repair` mends that" in fault.what
    assert [fault async for fault in store.maintenance.repair()] == []
    assert await listed(store) == await right(store)
    assert [fault async for fault in store.maintenance.check()] == []


async def test_an_annotated_interaction_is_listed_with_its_annotations(store: Store) -> None:
    """And without them once they are taken away."""
    records = some()
    await store.put([*records, plain(tags=["came with it"], note="so did this")])
    for id_, annotation in zip(
        (record.document["_id"] for record in records),
        ({"tags": ["x", "y"]}, {"note": "seen"}, {"rating": "good"}, {"tags": ["x"], "rating": "bad", "note": "n"}),
        strict=False,
    ):
        assert await store.annotate(id_, **cast(Any, annotation))
    expected = await right(store)
    assert sum(bool(item["tags"] or item["note"] or item["rating"]) for item in expected) == 5
    assert await listed(store) == expected
    for record in records:
        assert await store.annotate(record.document["_id"], tags=[], rating="", note="")
    assert await listed(store) == await right(store)


async def test_lists_of_annotated_interactions_read_no_documents(store: Store, database: Database[Any]) -> None:
    """Every row is used as it is: where there is none, lists have to read the document, and keep a row of it."""
    records = some()
    await store.put(records)
    for record in records:
        await store.annotate(record.document["_id"], tags=["x", "y"], rating="good", note="seen")
    database["gemtap_rows"].update_many({}, {"$set": {"preview.prompt": "from the row"}})
    items = await listed(store)
    assert {item["preview"]["prompt"] for item in items} == {"from the row"}
    assert {(*item["tags"], item["rating"], item["note"]) for item in items} == {("x", "y", "good", "seen")}


async def test_lists_are_right_without_the_index_of_annotations(store: Store, database: Database[Any]) -> None:
    """A database that no newer Gemtap has served does not have it."""
    records = some()
    await store.put(records)
    await store.annotate(records[3].document["_id"], tags=["x"], note="n")
    database["gemini_interactions"].drop_index("annotated")
    assert await listed(store) == await right(store)


async def test_rows_without_a_document_are_found_and_freed(store: Store, database: Database[Any]) -> None:
    """Documents were deleted by hand, or the row of a deleted one came a moment too late."""
    records = some()
    await store.put(records)
    gone = [record.document["_id"] for record in records[:4]]
    database["gemini_interactions"].delete_many({"_id": {"$in": gone}})
    found = [fault async for fault in store.maintenance.check()]
    assert {fault.id for fault in found} == set(gone)
    assert all("gemtap_rows" in fault.what and "gemtap prune" in fault.what for fault in found)
    _ = [step async for step in store.maintenance.reclaim()]
    assert database["gemtap_rows"].count_documents({}) == len(records) - 4
    assert [fault async for fault in store.maintenance.check()] == []


async def test_deleting_takes_the_row_along(store: Store, database: Database[Any]) -> None:
    """Nothing of what was asked and answered stays behind."""
    records = some(4)
    await store.put(records)
    await store.delete([record.document["_id"] for record in records[:3]])
    assert [row["_id"] for row in database["gemtap_rows"].find()] == [records[3].document["_id"]]


async def test_a_store_from_before_there_were_rows_gets_them(
    store: Store, mongod_url: str, database: Database[Any]
) -> None:
    """In the background, once it is opened; until then lists read the documents."""
    await store.put(some(60))
    expected = await right(store)
    await store.close()
    database["gemtap_rows"].drop()
    later = open_store(mongod_url)
    assert await later.list(Filter(), limit=5) == expected[:5]
    await later.open()
    async with asyncio.timeout(60):
        while database["gemtap_rows"].count_documents({}) < len(expected):
            await asyncio.sleep(0.05)
    assert await listed(later) == expected
    assert [fault async for fault in later.maintenance.check()] == []
    await later.close()


async def test_lists_are_right_whatever_happens_to_documents_and_rows(store: Store, database: Database[Any]) -> None:
    """Random acts of recorders of several versions, of people and of crashes, in random order."""
    chance = random.Random(7)
    documents, rows = database["gemini_interactions"], database["gemtap_rows"]
    ids: list[ObjectId] = []
    for act in range(150):
        id_ = chance.choice(ids) if ids else ObjectId()
        match chance.randrange(9):
            case 0 | 1:
                new = varied(3, seed=act)
                await store.put([*new, plain(outcome="interrupted")])
                ids += [record.document["_id"] for record in new]
            case 2:
                await store.delete([id_])
            case 3:
                await store.put([plain(_id=id_, model=chance.choice(["a", "b"]))])
            case 4:
                await store.annotate(id_, tags=chance.choice([[], ["x"]]), note=chance.choice(["", "n"]))
            case 5:
                # An earlier version writes documents alone.
                found = documents.find_one({"outcome": "interrupted"})
                if found is not None:
                    documents.replace_one({"_id": found["_id"]}, {**found, "outcome": "complete", "model": "late"})
            case 6:
                documents.update_one({"_id": id_}, {"$set": {"client.user": f"user {act}"}})
            case 7:
                rows.delete_one({"_id": id_})
            case 8:
                documents.delete_one({"_id": id_})
        if act % 5 == 0:
            assert await listed(store) == await right(store)
    assert [fault async for fault in store.maintenance.check() if "it is deleted" not in fault.what] == []
    for query in ("error:yes", "model:gemini-2.5-pro", "tag:x", "tokens:>500k", "-client:cline"):
        where = parse(query, NOON)
        page = await page_of(store, where, limit=500)
        assert page.items == [summary(each) async for each in store.scan(where)][::-1], query
