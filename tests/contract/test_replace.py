"""Replacing: a record takes the place of another whole, and nothing of the other is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.stores.base import Filter, Record, Store
from tests.e2e.leaks import mongodb_values, sqlite_values
from tests.exactness import exactly
from tests.mongod import Mongod
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

SECRET = "sw0rdfish4242"


def record_with(word: str, id_: ObjectId | None = None, filler: bytes = b"") -> Record:
    body = b'{"contents":"the word is ' + word.encode() + b" " + filler + b'"}'
    made = make_record(request_raw=body, _id=id_ or ObjectId(), timestamp=NOON, tags=["kept"], note=f"note {word}")
    return Record(made.document, body, made.response_raw, made.accumulated, (b"link",), text=f"the word is {word}")


@pytest.mark.parametrize("size", [10, 400_000])
async def test_nothing_of_what_was_replaced_is_left(
    store: Store, size: int, tmp_path: Path, request: pytest.FixtureRequest, store_url: str
) -> None:
    """A body, small or large, its words and its note are gone from every value of the store, and others stay."""
    filler = os.urandom(size).hex().encode()
    old, other = record_with(SECRET, filler=filler), record_with("untouched")
    await store.put([old, other])
    new = record_with("harmless", old.document["_id"], filler)
    assert await store.replace([new, record_with("absent")]) == 1
    assert exactly(await store.get(old.document["_id"])) == exactly(new.document)
    assert await store.raw(old.document["_id"], "request") == new.request_raw
    assert await store.links.of([old.document["_id"]]) == {old.document["_id"]: (b"link",)}
    assert await store.count(Filter()) == 2
    assert await store.count(Filter(tag="kept")) == 2
    async for _ in store.maintenance.reclaim():
        pass
    assert [fault async for fault in store.maintenance.check()] == []
    await store.close()
    if store_url.startswith("mongodb"):
        mongod: Mongod = request.getfixturevalue("mongod")
        values = list(mongodb_values(mongod, store_url.rsplit("/", 1)[1]))
    else:
        values = list(sqlite_values(tmp_path))
    assert any(b"harmless" in value for value in values)
    assert [value[:80] for value in values if SECRET.encode() in value] == []
