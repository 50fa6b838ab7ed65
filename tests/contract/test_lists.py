"""Lists: newest first, filtered, page after page without gaps or repeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import BadCursor, Filter, Record, Store
from gemtap.stores.paging import batches, encode_cursor, page_of
from gemtap.stores.place import Order, Place, just_before, place_of
from gemtap.stores.query.parsing import parse
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

MILLISECOND = timedelta(milliseconds=1)
THREAD = ObjectId("66f1c0ffee0123456789abcd")


async def ids_of(store: Store, where: Filter) -> list[ObjectId]:
    return [item["_id"] for item in await store.list(where, limit=100)]


async def all_pages(store: Store, where: Filter, *, limit: int) -> list[ObjectId]:
    ids: list[ObjectId] = []
    cursor = None
    while True:
        page = await page_of(store, where, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        ids += [item["_id"] for item in page.items]
        if page.next is None:
            return ids
        assert len(page.items) == limit
        cursor = page.next


def newest_first(records: list[Record]) -> list[ObjectId]:
    documents = [record.document for record in records]
    documents.sort(key=lambda document: (document["timestamp"], document["_id"]), reverse=True)
    return [document["_id"] for document in documents]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 30, 31])
async def test_pages_have_neither_gaps_nor_repeats_under_equal_timestamps(store: Store, limit: int) -> None:
    """Pages of any size show every interaction once, also under equal timestamps."""
    records = [make_record(timestamp=NOON + n // 7 * MILLISECOND) for n in range(30)]
    await store.put(records[::2])
    await store.put(records[1::2])
    assert await all_pages(store, Filter(), limit=limit) == newest_first(records)


async def test_pages_go_on_where_they_were_while_new_interactions_arrive(store: Store) -> None:
    """The next page continues after the previous one, whatever was stored in between."""
    records = [make_record(timestamp=NOON) for _ in range(10)]
    await store.put(records)
    seen: list[ObjectId] = []
    cursor = None
    for arriving in range(5):
        page = await page_of(store, Filter(), limit=2, cursor=cursor)
        seen += [item["_id"] for item in page.items]
        cursor = page.next
        # One with the same timestamp and a greater id, and one that is newer.
        await store.put([make_record(timestamp=NOON), make_record(timestamp=NOON + (1 + arriving) * MILLISECOND)])
    assert seen == newest_first(records)


async def test_pages_of_a_filter_have_only_what_matches(store: Store) -> None:
    """Pages of a filter are full, and show only matches."""
    records = [make_record(provider="gemini" if n % 3 else "openai") for n in range(20)]
    await store.put(records)
    wanted = [record for record in records if record.document["provider"] == "openai"]
    assert await all_pages(store, Filter(provider="openai"), limit=2) == newest_first(wanted)


async def test_the_last_page_says_so(store: Store) -> None:
    """The last page has no cursor, even if it is full."""
    await store.put([make_record(), make_record()])
    assert (await page_of(store, Filter(), limit=2)).next is None
    assert (await page_of(store, Filter(), limit=1)).next is not None
    assert await page_of(store, Filter(provider="none of them"), limit=1) == ([], None)


@pytest.mark.parametrize(
    ("where", "fields"),
    [
        (Filter(provider="openai"), {"provider": "openai"}),
        (Filter(model="gemini-x"), {"model": "gemini-x"}),
        (Filter(operation="countTokens"), {"operation": "countTokens"}),
        (Filter(outcome="refused"), {"outcome": "refused"}),
        (Filter(status=429), {"response": {"status": 429}}),
        (Filter(client="aider"), {"client": {**make_record().document["client"], "name": "aider"}}),
        (Filter(thread=THREAD), {"thread": {"id": THREAD, "turn": 1, "parent": None, "new_messages": 1}}),
        (Filter(since=NOON + MILLISECOND), {"timestamp": NOON + MILLISECOND}),
        (Filter(since=NOON + timedelta(microseconds=1)), {"timestamp": NOON + MILLISECOND}),
        (Filter(until=NOON), {"timestamp": NOON - MILLISECOND}),
        (Filter(provider="a", model="b", status=500), {"provider": "a", "model": "b", "response": {"status": 500}}),
    ],
    ids=lambda value: repr(value) if isinstance(value, Filter) else "",
)
async def test_a_filter_finds_what_it_says_and_nothing_else(
    store: Store, where: Filter, fields: dict[str, Any]
) -> None:
    """Each field of a filter selects exactly the interactions with that value."""
    wanted = [make_record(**fields), make_record(**fields)]
    await store.put([make_record(), *wanted, make_record(answered=False, thread=None, model=None)])
    assert await ids_of(store, where) == newest_first(wanted)


async def test_until_is_just_before_and_since_just_at(store: Store) -> None:
    """`since` includes its time, `until` does not."""
    records = [make_record(timestamp=NOON + n * MILLISECOND) for n in range(5)]
    await store.put(records)
    found = await ids_of(store, Filter(since=NOON + MILLISECOND, until=NOON + 3 * MILLISECOND))
    assert found == newest_first(records[1:3])


async def test_a_filter_must_match_whole(store: Store) -> None:
    """All conditions of a filter must match, with the whole value and its case."""
    await store.put([make_record(provider="gemini", model="m"), make_record(provider="openai", model="n")])
    assert await ids_of(store, Filter(provider="gemini", model="n")) == []
    assert await ids_of(store, Filter(provider="GEMINI")) == []


async def test_lists_show_no_bodies(store: Store) -> None:
    """Listed documents have sizes of bodies, but neither bodies nor chunk times."""
    await store.put([make_record(response_raw=b"data: 1\n\n", accumulated={}, chunks={"at_ms": [1.0], "bytes": [9]})])
    (item,) = await store.list(Filter(), limit=1)
    (recorded,) = await store.list(Filter(), order="recorded", limit=1)
    for shown in (item, recorded):
        assert shown["request"].keys().isdisjoint({"body", "raw", "raw_file"})
        assert shown["response"].keys().isdisjoint({"body", "chunks", "raw", "raw_file"})
        assert shown["response"]["body_bytes"] == 9


@pytest.mark.parametrize(
    "word", ["", "x", "e30", "!", "WzEsIjIiXQ", "ñ", "W10", encode_cursor(Place(NOON, THREAD))[:-3]]
)
async def test_a_cursor_that_nobody_gave_out_is_refused(store: Store, word: str) -> None:
    """Any other word in place of a cursor raises BadCursor."""
    with pytest.raises(BadCursor):
        await page_of(store, Filter(), limit=10, cursor=word)


async def test_a_list_in_the_order_of_recording_goes_on_after_any_place(store: Store) -> None:
    """The order "recorded" sorts by (`recorded_at`, `_id`), whatever the times of the requests."""
    records = [make_record(timestamp=NOON - n * MILLISECOND, recorded_at=NOON + n // 2 * MILLISECOND) for n in range(8)]
    await store.put(records[::-1])
    documents = [record.document for record in records]
    ids = [document["_id"] for document in documents]

    async def after(place: Place | None, limit: int = 100) -> list[ObjectId]:
        return [item["_id"] for item in await store.list(Filter(), order="recorded", after=place, limit=limit)]

    assert await after(None) == ids
    assert await after(just_before(NOON)) == ids
    assert await after(just_before(NOON + 2 * MILLISECOND)) == ids[4:]
    assert await after(just_before(NOON + 2 * MILLISECOND), limit=3) == ids[4:7]
    assert await after(place_of(documents[3], "recorded")) == ids[4:]
    assert await after(place_of(documents[4], "recorded")) == ids[5:]
    assert await after(place_of(documents[-1], "recorded")) == []


async def test_every_order_takes_every_filter(store: Store) -> None:
    """Filters, searches for words among them, select the same interactions in all three orders."""
    records = [
        replace(
            make_record(
                timestamp=NOON - n * MILLISECOND,
                recorded_at=NOON + n * MILLISECOND,
                model="one" if n % 2 else "two",
            ),
            text="found" if n % 3 else "lost",
        )
        for n in range(12)
    ]
    await store.put(records)
    for where, expected in (
        (Filter(model="one"), [n for n in range(12) if n % 2]),
        (parse("found", NOON), [n for n in range(12) if n % 3]),
        (parse("model:one found", NOON), [n for n in range(12) if n % 2 and n % 3]),
    ):
        ids = [records[n].document["_id"] for n in expected]
        orders: tuple[tuple[Order, list[ObjectId]], ...] = (("newest", ids), ("oldest", ids[::-1]), ("recorded", ids))
        for order, ordered in orders:
            listed: list[ObjectId] = []
            async for batch in batches(store, where, order=order, size=2):
                listed += [item["_id"] for item in batch]
            assert listed == ordered
