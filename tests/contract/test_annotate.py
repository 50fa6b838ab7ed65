"""Tags, ratings and notes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.annotations import MAX_NOTE, MAX_TAG, MAX_TAGS, BadAnnotation
from gemtap.stores.base import Filter, Store
from tests.exactness import exactly
from tests.records import make_record

pytestmark = pytest.mark.anyio


async def read_everywhere(store: Store, id_: ObjectId) -> Any:
    """The annotations as the document, the list and the scan show them: the same."""
    document = await store.get(id_)
    assert document is not None
    listed = [item for item in await store.list(Filter(), limit=100) if item["_id"] == id_]
    scanned = [each async for each in store.scan(Filter()) if each["_id"] == id_]
    shown = [tuple(each[name] for name in ("tags", "rating", "note")) for each in (document, *listed, *scanned)]
    assert len(shown) == 3
    assert shown[0] == shown[1] == shown[2]
    return shown[0]


async def test_what_is_given_is_set_and_the_rest_stays(store: Store) -> None:
    """Annotating sets the given fields and keeps the others."""
    record = make_record(tags=["physics"])
    id_ = record.document["_id"]
    await store.put([record, make_record()])
    assert await store.annotate(id_, rating="good")
    assert await read_everywhere(store, id_) == (["physics"], "good", None)
    assert await store.annotate(id_, note="  Zum Üben: \U0001f600\nzwei Zeilen ")
    assert await read_everywhere(store, id_) == (["physics"], "good", "Zum Üben: \U0001f600\nzwei Zeilen")
    assert await store.annotate(id_, tags=["b", "a", "b", " a "])
    assert await read_everywhere(store, id_) == (["b", "a"], "good", "Zum Üben: \U0001f600\nzwei Zeilen")
    assert await store.annotate(id_, tags=[], rating="", note="")
    assert await read_everywhere(store, id_) == ([], None, None)


async def test_nothing_else_of_the_document_changes(store: Store) -> None:
    """Annotating changes nothing else of the document."""
    record = make_record(generation_settings={"responseSchema": {"$id": "x", "$ref": "#/y", "n": -0.0, "i": 2**40}})
    other = make_record()
    await store.put([record, other])
    id_ = record.document["_id"]
    assert await store.annotate(id_, tags=["one"], rating="bad", note="no")
    expected = {**record.document, "tags": ["one"], "rating": "bad", "note": "no"}
    assert exactly(await store.get(id_)) == exactly(expected)
    assert exactly(await store.get(other.document["_id"])) == exactly(other.document)
    assert await store.raw(id_, "response") == record.response_raw


async def test_setting_nothing_says_only_whether_it_is_there(store: Store) -> None:
    """Annotating without values only returns whether the interaction exists."""
    record = make_record(note="mine")
    await store.put([record])
    assert await store.annotate(record.document["_id"])
    assert exactly(await store.get(record.document["_id"])) == exactly(record.document)
    assert not await store.annotate(ObjectId())


async def test_of_an_interaction_that_is_not_there(store: Store) -> None:
    """Annotating an unknown id returns False."""
    assert not await store.annotate(ObjectId(), tags=["x"], rating="good", note="y")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tags": [""]}, "empty"),
        ({"tags": ["  "]}, "empty"),
        ({"tags": ["a,b"]}, "commas"),
        ({"tags": ["a\nb"]}, "line breaks"),
        ({"tags": ["a\x1b[2J"]}, "control"),
        ({"tags": ["x" * (MAX_TAG + 1)]}, f"{MAX_TAG} characters"),
        ({"tags": [str(n) for n in range(MAX_TAGS + 1)]}, f"{MAX_TAGS} tags"),
        ({"tags": ["fine", "\ud800"]}, "half of a character"),
        ({"rating": "excellent"}, "good or bad"),
        ({"note": "x" * (MAX_NOTE + 1)}, "10,000 characters"),
        ({"note": "\ud800"}, "half of a character"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_nothing_changes(
    store: Store, given: dict[str, Any], says: str
) -> None:
    """An invalid value raises BadAnnotation, and no field changes."""
    record = make_record(tags=["physics"], rating="good", note="mine")
    await store.put([record])
    for id_ in (record.document["_id"], ObjectId()):
        with pytest.raises(BadAnnotation, match=says):
            await store.annotate(id_, **{"note": "new", "rating": "bad", **given})
    assert exactly(await store.get(record.document["_id"])) == exactly(record.document)


async def test_two_that_annotate_at_once_lose_nothing_of_one_another(store: Store) -> None:
    """Two concurrent annotations of different fields are both stored."""
    record = make_record(tags=[])
    id_ = record.document["_id"]
    await store.put([record])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(store.annotate(id_, tags=["a"]))
        tasks.create_task(store.annotate(id_, rating="good"))
        tasks.create_task(store.annotate(id_, note="n"))
    assert await read_everywhere(store, id_) == (["a"], "good", "n")
