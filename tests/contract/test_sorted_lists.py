"""Lists sorted by a number: exact, page after page, with unknown numbers last."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, get_args

import pytest
from bson import ObjectId

from gemtap.interaction import NO_TOKENS
from gemtap.stores.base import BadCursor, Filter, Record, Store
from gemtap.stores.paging import page_of
from gemtap.stores.query.fields import FIELDS
from gemtap.stores.query.parsing import parse
from gemtap.stores.sorting import SORTABLE_BY, UNKNOWN, ListSort, NotSortable, SortKey, is_sortable, sorted_place_of
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


def numbered(count: int) -> list[Record]:
    """Records with few different numbers, some unknown, and equal times."""
    chance = random.Random(7)

    def one_of(*values: Any) -> Any:
        return chance.choice(values)

    return [
        make_record(
            timestamp=NOON + timedelta(milliseconds=chance.randrange(5)),
            request_duration_ms=one_of(None, 0.0, 12.5, 1234.567),
            tokens={**NO_TOKENS, "input": one_of(None, 0, 7, 2**40), "output": one_of(None, 1, 2)},
            cost=one_of(
                None, {"usd": None, "source": "x"}, {"usd": 0.1 + 0.2, "source": "x"}, {"usd": 0.0, "source": "x"}
            ),
            model=one_of("m1", "m2"),
        )
        for _ in range(count)
    ]


async def all_pages(store: Store, where: Filter, sort: ListSort, limit: int) -> list[ObjectId]:
    ids: list[ObjectId] = []
    cursor = None
    while True:
        page = await page_of(store, where, limit=limit, cursor=cursor, sort=sort)
        ids += [item["_id"] for item in page.items]
        if page.next is None:
            return ids
        assert len(page.items) == limit
        cursor = page.next


@pytest.mark.parametrize("by", get_args(SortKey))
async def test_pages_have_each_match_once_greatest_first(store: Store, by: SortKey) -> None:
    """Pages of any size have every match once, also among equal and unknown numbers."""
    records = numbered(40)
    await store.put(records)
    documents = sorted(
        (record.document for record in records), key=lambda each: sorted_place_of(each, by), reverse=True
    )
    whole = [document["_id"] for document in documents]
    some = [document["_id"] for document in documents if document["model"] == "m1"]
    known = [document["_id"] for document in documents if sorted_place_of(document, by).value != UNKNOWN]
    for limit in (1, 7, 40, 41):
        assert await all_pages(store, Filter(), by, limit) == whole
    assert await all_pages(store, Filter(model="m1"), by, 7) == some
    assert await all_pages(store, parse(f"{by}:* -provider:none since:2026-01-01", NOON), by, 7) == known


async def test_the_oldest_come_first_in_pages_too(store: Store) -> None:
    """The order of time can be turned around."""
    records = numbered(30)
    await store.put(records)
    newest = await all_pages(store, Filter(), "newest", 7)
    assert await all_pages(store, Filter(), "oldest", 7) == newest[::-1]


async def test_a_cursor_is_for_its_order(store: Store) -> None:
    """A cursor of another order is refused."""
    await store.put(numbered(5))
    for sort, other in (("cost", "duration"), ("cost", "newest"), ("newest", "cost")):
        page = await page_of(store, Filter(), limit=2, sort=sort)  # type: ignore[arg-type]
        with pytest.raises(BadCursor):
            await page_of(store, Filter(), limit=2, cursor=page.next, sort=other)  # type: ignore[arg-type]


async def test_what_is_not_in_the_index_is_not_sorted(store: Store) -> None:
    """Lists that would read every match with its bodies are refused."""
    for query in ("words", "tag:x", "model_version:x", "id:66f1c0ffee0123456789abcd"):
        assert not is_sortable(parse(query, NOON))
        with pytest.raises(NotSortable, match="order of time"):
            await store.sorted_list(parse(query, NOON), "cost", limit=1)


async def test_every_other_condition_can_be_sorted(store: Store) -> None:
    """Conditions on the other fields select from a sorted list as from any other."""
    await store.put(numbered(10))
    for field in sorted(SORTABLE_BY):
        where = parse(FIELDS[field].example, NOON)
        found = await store.sorted_list(where, "cost", limit=20)
        assert {item["_id"] for item in found} == {item["_id"] for item in await store.list(where, limit=20)}, field
