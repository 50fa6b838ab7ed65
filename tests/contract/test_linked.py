"""Links, by which later turns of a conversation find an earlier one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import Record, Store
from tests.records import make_record

pytestmark = pytest.mark.anyio


def linked_record(*links: bytes, **fields: Any) -> Record:
    return replace(make_record(**fields), links=links)


def id_of(record: Record) -> ObjectId:
    return record.document["_id"]


async def test_the_newest_with_a_link_is_found(store: Store) -> None:
    older, newer, other = linked_record(b"a", b"b"), linked_record(b"a"), linked_record(b"c")
    await store.put([newer, other, older])
    assert await store.linked([b"a", b"b", b"x"]) == {b"a": id_of(newer), b"b": id_of(older)}
    assert await store.linked([]) == {}


async def test_links_are_no_part_of_the_document(store: Store) -> None:
    record = linked_record(b"a")
    await store.put([record])
    assert await store.get(id_of(record)) == record.document


async def test_links_follow_the_record_that_replaces_an_interrupted_one(store: Store) -> None:
    id_ = ObjectId()
    await store.put([linked_record(b"half", _id=id_, outcome="interrupted")])
    await store.put([linked_record(b"whole", _id=id_)])
    assert await store.linked([b"half", b"whole"]) == {b"whole": id_}
