"""Lists of threads: each once, counted whole, in order, page after page."""

from __future__ import annotations

import base64
import json
import random
from datetime import timedelta
from typing import Any, get_args

import pytest
from bson import ObjectId

from gemtap.stores.base import BadCursor, Filter, Record, Store
from gemtap.stores.query.parsing import parse
from gemtap.stores.thread_list import ThreadItem, ThreadSort
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(days=1)
CHAT = {"provider": "openai", "operation": "openai.chat.completions"}
CALLING = {"calls": [{"name": "read_file", "times": 1}], "results": []}


def turn(thread: ObjectId | None, minute: float = 0, **fields: Any) -> Record:
    place = None if thread is None else {"id": thread, "turn": 1, "parent": None, "new_messages": 1}
    return make_record(thread=place, timestamp=NOON + timedelta(minutes=minute), **fields)


def tokens(total: int | None) -> dict[str, Any]:
    return {**make_record().document["tokens"], "total": total}


async def all_pages(store: Store, where: Filter, sort: ThreadSort, limit: int) -> list[ThreadItem]:
    items: list[ThreadItem] = []
    cursor = None
    while True:
        page = await store.threads(where, limit=limit, sort=sort, cursor=cursor)
        assert len(page.items) <= limit
        items += page.items
        if page.next is None:
            return items
        assert len(page.items) == limit
        cursor = page.next


async def test_a_thread_is_told_by_its_first_and_its_last(store: Store) -> None:
    """A thread shows the prompt of its first turn and the answer of its last."""
    thread = ObjectId()
    client = make_record().document["client"]
    await store.put(
        [
            turn(thread, 2, model="later", client={**client, "name": "aider"}, preview={"prompt": "c", "answer": "d"}),
            turn(thread, 0, model="first", tokens=tokens(None), preview={"prompt": "a", "answer": "b"}),
            turn(thread, 1, tokens=tokens(41), cost=None, preview={"prompt": "x", "answer": "y"}),
            turn(None, 3),
        ]
    )
    (item,) = (await store.threads(Filter(), limit=10)).items
    assert item == {
        "id": thread,
        "turns": 3,
        "failed": 0,
        "first_at": NOON,
        "last_at": NOON + timedelta(minutes=2),
        "model": "later",
        "client": "aider",
        "tokens": 50,
        "cost": pytest.approx(0.00025),
        "preview": {"prompt": "a", "answer": "d"},
        "state": "answered",
    }


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"error": {"message": "broken", "details": None}}, "failed"),
        ({"outcome": "client_disconnected"}, "failed"),
        ({"error": {"message": "blocked", "details": {"blockReason": "SAFETY"}}}, "blocked"),
        ({"finish_reason": "RECITATION"}, "blocked"),
        ({"finish_reason": "content_filter", **CHAT}, "blocked"),
        ({"finish_reason": "refusal", "provider": "anthropic", "operation": "messages.create"}, "blocked"),
        ({"finish_reason": "MAX_TOKENS"}, "truncated"),
        ({"finish_reason": "length", "tool_use": CALLING, **CHAT}, "truncated"),
        ({"finish_reason": "MAX_TOKENS", "outcome": "interrupted"}, "failed"),
        ({"tool_use": CALLING}, "calling"),
        ({"tool_use": {"calls": [], "results": [{"name": "read_file", "times": 1, "failed": None}]}}, "answered"),
        ({"preview": {"prompt": "a", "answer": 'read_file(path="a")'}}, "answered"),
    ],
)
async def test_a_thread_has_the_state_of_its_last_turn(store: Store, fields: dict[str, Any], state: str) -> None:
    """What the list of interactions calls blocked and truncated is called so; earlier turns do not count."""
    thread = ObjectId()
    await store.put([turn(thread, 0, error={"message": "broken", "details": None}), turn(thread, 1, **fields)])
    (item,) = (await store.threads(Filter(), limit=10)).items
    assert item["state"] == state


async def test_failed_attempts_are_counted_apart(store: Store) -> None:
    """The number of failed interactions is that of the whole thread, whatever the filter matches."""
    broken = {"message": "broken", "details": None}
    first, second = ObjectId(), ObjectId()
    await store.put([turn(first, 0, error=broken), turn(first, 1, model="other"), turn(first, 2, error=broken)])
    await store.put([turn(second, 3), turn(None, 4, error=broken)])
    for sort in get_args(ThreadSort):
        items = (await store.threads(Filter(), limit=10, sort=sort)).items
        assert {item["id"]: (item["turns"], item["failed"]) for item in items} == {first: (3, 2), second: (1, 0)}
    (item,) = (await store.threads(Filter(model="other"), limit=10)).items
    assert (item["turns"], item["failed"]) == (3, 2)


async def test_what_is_not_known_is_no_zero(store: Store) -> None:
    """Unknown tokens and costs of a thread are None, not 0."""
    await store.put([turn(ObjectId(), tokens=tokens(None), cost=None)])
    (item,) = (await store.threads(Filter(), limit=10)).items
    assert (item["tokens"], item["cost"]) == (None, None)


def mixed() -> list[Record]:
    """Threads that overlap, at few moments."""
    chance = random.Random(3)
    threads = [ObjectId() for _ in range(12)]
    return [
        turn(
            chance.choice([*threads, None]),
            chance.randrange(40),
            model=chance.choice(["a", "a", "b"]),
            tokens=tokens(chance.choice([None, 5, 7])),
            cost=chance.choice([None, {"usd": 0.25, "source": "test"}]),
        )
        for _ in range(150)
    ]


@pytest.mark.parametrize("query", ["", "model:b", "model:a since:2026-03-14T12:20:00Z", "tokens:7 model:b"])
@pytest.mark.parametrize("sort", get_args(ThreadSort))
async def test_every_order_has_each_thread_once_whatever_the_pages(store: Store, sort: ThreadSort, query: str) -> None:
    """In every order, pages of any size show each thread once."""
    records = mixed()
    await store.put(records)
    where = parse(query, NOW)
    matching = [document async for document in store.scan(where) if document["thread"]]
    latest = {document["thread"]["id"]: document["timestamp"] for document in matching if document["thread"]}
    whole = await all_pages(store, where, sort, 100)
    assert 3 < len(whole) <= 12
    assert {item["id"] for item in whole} == latest.keys()

    def order(item: ThreadItem) -> Any:
        if sort == "latest":
            return latest[item["id"]]
        return -1 if item[sort] is None else item[sort]

    assert [order(item) for item in whole] == sorted((order(item) for item in whole), reverse=True)
    for item in whole:
        own = [
            each.document for each in records if each.document["thread"] and each.document["thread"]["id"] == item["id"]
        ]
        assert item["turns"] == len(own)
        assert item["last_at"] == max(each["timestamp"] for each in own)
    for limit in (1, 4, len(whole)):
        assert await all_pages(store, where, sort, limit) == whole


async def test_a_thread_that_goes_on_comes_up_no_second_time(store: Store) -> None:
    """A thread that gets a new turn between two pages does not appear again."""
    threads = [ObjectId() for _ in range(4)]
    await store.put([turn(thread, number) for number, thread in enumerate(threads)])
    first = await store.threads(Filter(), limit=2)
    await store.put([turn(threads[3], 50), turn(ObjectId(), 60)])
    second = await store.threads(Filter(), limit=2, cursor=first.next)
    assert [item["id"] for item in (*first.items, *second.items)] == threads[::-1]
    assert second.next is None


async def test_the_turns_of_a_thread_are_a_list(store: Store) -> None:
    """A filter for a thread lists its turns."""
    thread = ObjectId()
    records = [turn(thread, 0), turn(ObjectId(), 1), turn(thread, 2)]
    await store.put(records)
    items = await store.list(Filter(thread=thread), limit=10)
    assert [item["_id"] for item in items] == [records[2].document["_id"], records[0].document["_id"]]


def cursor_of(*place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        cursor_of(),
        cursor_of("cost", 0, "66f1c0ffee0123456789abcd"),
        cursor_of("latest", 2**62, "66f1c0ffee0123456789abcd"),
        cursor_of("latest", float("nan"), "66f1c0ffee0123456789abcd"),
        cursor_of("latest", -2, "66f1c0ffee0123456789abcd"),
        cursor_of("latest", 0, "none"),
        cursor_of("latest", [], "66f1c0ffee0123456789abcd"),
    ],
)
async def test_a_cursor_of_another_list_is_refused(store: Store, cursor: str) -> None:
    """A cursor of another order, or of interactions, raises BadCursor."""
    with pytest.raises(BadCursor, match="Start again"):
        await store.threads(Filter(), limit=10, cursor=cursor)
