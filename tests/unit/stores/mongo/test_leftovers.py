"""Files in GridFS whose document is gone: found and freed, but never one that a put under way has written."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.database import Database

from gemtap.stores.base import Record, Store
from gemtap.stores.mongo.files import BodyFiles
from gemtap.upkeep.prune import Retention, prune
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

YESTERDAY = timedelta(days=1)


def large() -> Record:
    """A record with a file of a few chunks."""
    return make_record(request_raw=b'{ "a": "%b"}' % os.urandom(1_500_000).hex().encode())


def delete_by_hand(database: Database[dict[str, Any]], *records: Record) -> None:
    ids = [record.document["_id"] for record in records]
    assert database["gemini_interactions"].delete_many({"_id": {"$in": ids}}).deleted_count == len(ids)
    database["gemtap_rows"].delete_many({"_id": {"$in": ids}})


def make_old(database: Database[dict[str, Any]], ago: timedelta = YESTERDAY) -> None:
    """Let all files be from that long ago."""
    moment = datetime.now(UTC) - ago
    database["gemini_bodies.files"].update_many({}, {"$set": {"uploadDate": moment}})
    chunks = database["gemini_bodies.chunks"]
    for chunk in list(chunks.find()):
        old = ObjectId(ObjectId.from_datetime(moment).binary[:4] + chunk["_id"].binary[4:])
        chunks.delete_one({"_id": chunk["_id"]})
        chunks.insert_one({**chunk, "_id": old, "kept_at": moment})


def in_bucket(database: Database[dict[str, Any]]) -> set[ObjectId]:
    """The interactions that anything in the bucket belongs to."""
    files = database["gemini_bodies.files"].distinct("_id.interaction")
    return {*files, *database["gemini_bodies.chunks"].distinct("files_id.interaction")}


async def test_a_file_whose_document_was_deleted_by_hand_is_found_and_freed(
    store: Store, database: Database[Any]
) -> None:
    """`check` names the interaction that it belonged to, and `prune` frees it, be there nothing else to prune."""
    kept, gone = large(), large()
    await store.put([kept, gone])
    make_old(database)
    assert [fault async for fault in store.maintenance.check()] == []
    delete_by_hand(database, gone)
    (fault,) = [fault async for fault in store.maintenance.check()]
    assert fault.id == gone.document["_id"]
    assert "gemini_bodies" in fault.what
    assert "gemtap prune" in fault.what
    done = await prune(store, Retention(older_than=timedelta(days=3_000)), NOON)
    assert done.deleted == 0
    assert in_bucket(database) == {kept.document["_id"]}
    assert [fault async for fault in store.maintenance.check()] == []
    assert await store.raw(kept.document["_id"], "request") == kept.request_raw


@pytest.mark.parametrize("missing", ["gemini_bodies.files", "gemini_bodies.chunks"])
async def test_a_part_of_a_file_is_freed_too(store: Store, database: Database[Any], missing: str) -> None:
    """A recorder was killed while it wrote a file, and its capture is lost; or deleting was broken off."""
    gone = large()
    await store.put([gone])
    make_old(database)
    delete_by_hand(database, gone)
    database[missing].delete_many({"n": 0} if missing.endswith("chunks") else {})
    assert [fault.id async for fault in store.maintenance.check()] == [gone.document["_id"]]
    _ = [step async for step in store.maintenance.reclaim()]
    assert in_bucket(database) == set()


async def test_a_file_that_was_just_written_is_spared(store: Store, database: Database[Any]) -> None:
    """Files are written before their document: one without a document may be about to get it."""
    waiting = large()
    await store.put([waiting])
    delete_by_hand(database, waiting)
    assert [fault async for fault in store.maintenance.check()] == []
    _ = [step async for step in store.maintenance.reclaim()]
    assert in_bucket(database) == {waiting.document["_id"]}
    await store.put([waiting])
    assert await store.raw(waiting.document["_id"], "request") == waiting.request_raw


async def test_a_file_of_an_earlier_attempt_that_is_kept_again_is_spared(
    store: Store, mongod_url: str, database: Database[Any]
) -> None:
    """The first attempt to store it failed yesterday, the next is between its file and its document."""
    waiting = large()
    await store.put([waiting])
    document = database["gemini_interactions"].find_one({"_id": waiting.document["_id"]})
    assert document is not None
    file_id = document["request"]["raw_file"]
    async with AsyncMongoClient[dict[str, Any]](mongod_url) as client:
        files = BodyFiles(client.get_default_database())
        content = await files.read(file_id)
        delete_by_hand(database, waiting)
        for spoilt in (None, {"n": 0}, {"n": {"$gt": 0}}, {}):
            make_old(database)
            if spoilt is not None:
                # Freeing has begun before, and comes to its end after.
                database["gemini_bodies.files"].delete_many({})
                database["gemini_bodies.chunks"].delete_many(spoilt)
            before = await files.settled_at()
            await files.keep(file_id, content)
            assert await files.kept_before([file_id], before) == []
            await files.free([file_id], before)
            assert await files.read(file_id) == content
            await files.free([file_id], before + timedelta(hours=2))
            assert in_bucket(database) == set()
            await files.keep(file_id, content)


async def test_what_others_keep_in_the_bucket_stays(store: Store, database: Database[Any]) -> None:
    """Ids that are not Gemtap's are left alone."""
    for id_ in (ObjectId(), "theirs", {"of": "theirs"}):
        database["gemini_bodies.files"].insert_one({"_id": id_, "uploadDate": NOON, "length": 0, "chunkSize": 1})
    _ = [step async for step in store.maintenance.reclaim()]
    assert database["gemini_bodies.files"].count_documents({}) == 3
    assert [fault async for fault in store.maintenance.check()] == []
