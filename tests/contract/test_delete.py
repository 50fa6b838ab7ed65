"""Deleting: what is deleted is gone with all that belongs to it, and everything else is as it was."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.place import place_of
from tests.exactness import exactly
from tests.records import NOON, at_the_end, make_record

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


def linked(record: Record, *links: bytes) -> Record:
    return Record(record.document, record.request_raw, record.response_raw, record.accumulated, links)


async def test_what_is_deleted_is_gone_and_nothing_else(store: Store) -> None:
    """A deletion removes documents with all their data, and nothing of other interactions."""
    goes, stays = (
        linked(make_record(response_raw=b"data: 1\n\n", accumulated={"a": 1}, tags=[tag]), *links)
        for tag, links in (("goes", [b"one", b"both"]), ("stays", [b"two", b"both"]))
    )
    await store.put([goes, stays])
    gone, left = goes.document["_id"], stays.document["_id"]
    assert await store.delete([gone, ObjectId()]) == 1
    assert await store.get(gone) is None
    assert await store.raw(gone, "request") is None
    assert await store.list(Filter(tag="goes"), limit=5) == []
    found = await store.links.before([at_the_end(link) for link in (b"one", b"two", b"both")])
    assert [each and each.id for each in found] == [None, left, left]
    there = await store.get(left)
    assert exactly(there) == exactly(stays.document)
    assert await store.raw(left, "response") == stays.response_raw
    assert await store.delete([gone]) == 0
    assert await store.delete([]) == 0


async def test_a_large_body_goes_with_its_interaction(store: Store, store_url: str) -> None:
    """In MongoDB the exact bytes are a file of its own, in GridFS: for the space, the value does not give them back."""
    goes, stays = (make_record(request_raw=b'{ "a": "%b"}' % os.urandom(2_000_000).hex().encode()) for _ in range(2))
    await store.put([goes, stays])
    await store.delete([goes.document["_id"]])
    assert await store.raw(stays.document["_id"], "request") == stays.request_raw
    if store_url.startswith("mongodb"):
        with MongoClient[dict[str, object]](store_url) as client:
            database = client.get_default_database()
            for name, field in (("files", "_id"), ("chunks", "files_id")):
                owners = database[f"gemini_bodies.{name}"].distinct(f"{field}.interaction")
                assert owners == [stays.document["_id"]]


async def test_what_was_deleted_can_be_stored_again(store: Store) -> None:
    """A deleted interaction may be stored again under its id."""
    record = make_record()
    await store.put([record])
    await store.delete([record.document["_id"]])
    await store.put([record])
    assert exactly(await store.get(record.document["_id"])) == exactly(record.document)


async def test_the_links_of_each(store: Store) -> None:
    """`links.of` returns the links of each interaction that has any."""
    first, second, none = linked(make_record(), b"a", b"b"), linked(make_record(), b"c"), make_record()
    await store.put([first, second, none])
    found = await store.links.of([each.document["_id"] for each in (first, second, none)])
    assert {id_: sorted(links) for id_, links in found.items()} == {
        first.document["_id"]: [b"a", b"b"],
        second.document["_id"]: [b"c"],
    }


async def test_the_oldest_come_in_order_from_a_place_on(store: Store) -> None:
    """A list in the order "oldest" continues from a place without gaps or repeats."""
    records = [make_record(timestamp=NOON + n // 2 * MINUTE, model=f"m{n % 3}") for n in range(12)]
    await store.put(records[::-1])
    ordered = sorted((each.document["timestamp"], each.document["_id"]) for each in records)
    seen: list[tuple[object, object]] = []
    after = None
    while batch := await store.list(Filter(), order="oldest", limit=5, after=after):
        seen += [(item["timestamp"], item["_id"]) for item in batch]
        after = place_of(batch[-1])
    assert seen == ordered
    assert [item["model"] for item in await store.list(Filter(model="m1"), order="oldest", limit=99)] == ["m1"] * 4
    assert await store.count(Filter()) == 12
    assert await store.count(Filter(model="m1", until=NOON + MINUTE)) == 1
