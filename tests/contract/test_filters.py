"""What each condition of a query finds: the same in every store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.paging import page_of
from gemtap.stores.query.parsing import parse
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(hours=1)
ID = ObjectId("66f1c0ffee0123456789abcd")
PLAIN = make_record().document


def inside(part: str, **fields: Any) -> dict[str, Any]:
    return {part: {**PLAIN[part], **fields}}  # type: ignore[literal-required]


UNLIKE: dict[str, dict[str, Any]] = {
    "plain": {},
    "id": {"_id": ID},
    "time": {"timestamp": NOON - timedelta(days=3)},
    "provider": {"provider": "openai"},
    "operation": {"operation": "countTokens"},
    "model": {"model": "gemini-x"},
    "no model": {"model": None},
    "model_version": {"model_version": "gemini-2.5-pro-003"},
    "outcome": {"outcome": "refused"},
    "status": {"response": {"status": 429}},
    "unanswered": {"answered": False},
    "error": {"error": {"message": "broken", "details": None}},
    "finish_reason": {"finish_reason": "MAX_TOKENS"},
    "streaming": {"streaming": True},
    "client": inside("client", name="roo code"),
    "key": inside("client", key="0123456789ab"),
    "user": inside("client", user="ada"),
    "thread": {"thread": {"id": ID, "turn": 1, "parent": None, "new_messages": 1}},
    "no thread": {"thread": None},
    "replay_of": {"replay_of": ID},
    "tool": {
        "tool_use": {"calls": [{"name": "read_file", "times": 2}, {"name": 'say "hé"', "times": 1}], "results": []}
    },
    "result": {"tool_use": {"calls": [], "results": [{"name": "grep", "times": 1, "failed": None}]}},
    "tag": {"tags": ["to read", "x"]},
    "no tags": {"tags": []},
    "rating": {"rating": "bad"},
    "tokens": inside("tokens", total=150_000),
    "input": inside("tokens", input=1_000),
    "cached": inside("tokens", cached=0),
    "output": inside("tokens", output=8_192),
    "reasoning": inside("tokens", reasoning=500),
    "cache_write": inside("tokens", cache_write=800),
    "cost": {"cost": {"usd": 0.75, "source": "test"}},
    "no cost": {"cost": None},
    "duration": {"request_duration_ms": 45_000.5},
    "first_byte": inside("timing", first_byte_ms=1_500.0),
}
"""Interactions that differ from the plain one in one respect each."""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"id:{ID}", {"id"}),
        ("until:2d", {"time"}),
        ("time:2026-03-11", {"time"}),
        ("-since:2d", {"time"}),
        ("provider:openai", {"provider"}),
        ("provider:opena", set()),
        ("operation:count*", {"operation"}),
        ("model:gemini-x,other", {"model"}),
        ("-model:*", {"no model"}),
        ("-model:gemini-2.5-*", {"model", "no model"}),
        ("-model:gemini-2.5-pro,gemini-x", {"no model"}),
        ("model_version:*-003", set()),
        ("model_version:gemini-2.5-pro-003", {"model_version"}),
        ("outcome:refused,shutdown", {"outcome"}),
        ("status:4xx", {"status"}),
        ("-status:200", {"status", "unanswered"}),
        ("status:>200", {"status"}),
        ("error:yes", {"error"}),
        ("-error:no", {"error"}),
        ("finish_reason:MAX_*", {"finish_reason"}),
        ("streaming:yes", {"streaming"}),
        ('client:"roo code"', {"client"}),
        ("key:0123456789ab", {"key"}),
        ("user:*", {"user"}),
        (f"thread:{ID}", {"thread"}),
        (f"replay_of:{ID}", {"replay_of"}),
        ("replay_of:*", {"replay_of"}),
        (f"replay_of:{ID} -model:*", set()),
        ("-thread:*", {"no thread"}),
        ("tool:read_file", {"tool"}),
        ('tool:"say \\"hé\\""', {"tool"}),
        ("tool:grep,read_file", {"tool"}),
        ("tool:read*", {"tool"}),
        ("tool:*", {"tool"}),
        ("tool:grep", set()),
        ("-tool:read_file tool:*", set()),
        ("-tool:* tool:*", set()),
        ('tag:"to read"', {"tag"}),
        ("tag:to*", {"tag"}),
        ("tag:x,y", {"tag"}),
        ("-tag:*", {"no tags"}),
        ("-tag:physics", {"tag", "no tags"}),
        ("rating:bad", {"rating"}),
        ("tokens:>100k", {"tokens"}),
        ("tokens:149k..150k", {"tokens"}),
        ("tokens:>150k", set()),
        ("input:1k", {"input"}),
        ("cached:*", {"cached"}),
        ("cached:0", {"cached"}),
        ("output:>=8192", {"output"}),
        ("reasoning:1..", {"reasoning"}),
        ("cache_write:>500", {"cache_write"}),
        ("cost:>0.50", {"cost"}),
        ("-cost:*", {"no cost"}),
        ("-cost:<0.5", {"cost", "no cost"}),
        ("duration:>30s", {"duration"}),
        ("first_byte:1.2s..1.5s", {"first_byte"}),
        ("status:4xx error:yes", set()),
        ("provider:openai -model:gemini-x", {"provider"}),
    ],
)
async def test_a_condition_finds_what_it_says_and_nothing_else(store: Store, query: str, found: set[str]) -> None:
    """Each query finds exactly the interactions that a check in Python selects."""
    records = {name: make_record(**fields) for name, fields in UNLIKE.items()}
    await store.put(list(records.values()))
    items = await store.list(parse(query, NOW), limit=100)
    names = {record.document["_id"]: name for name, record in records.items()}
    assert {names[item["_id"]] for item in items} == found
    scanned = [document["_id"] async for document in store.scan(parse(query, NOW))]
    assert sorted(scanned) == sorted(item["_id"] for item in items)


@pytest.mark.parametrize(
    "query", ["model:a,b", "model:a*", "-model:a", "tokens:>5,<2", "tag:x,y", "model:a,b tag:x", "tool:x,y"]
)
@pytest.mark.parametrize("limit", [1, 3, 10])
async def test_pages_of_any_condition_have_neither_gaps_nor_repeats(store: Store, query: str, limit: int) -> None:
    """Pages of a query show the same interactions as one long list."""
    records = [
        make_record(
            timestamp=NOON + timedelta(milliseconds=n // 4),
            model=("a", "ab", "b", None)[n % 4],
            tags=(["x", "y"], ["x"], [])[n % 3],
            tool_use={"calls": [{"name": "x", "times": n + 1}] if n % 3 else [], "results": []},
            **inside("tokens", total=n % 8),
        )
        for n in range(24)
    ]
    await store.put(records)
    where = parse(query, NOW)
    whole = [item["_id"] for item in await store.list(where, limit=100)]
    assert 3 < len(whole) < 24
    assert whole == [id_ for id_ in newest_first(records) if id_ in whole]
    pages: list[ObjectId] = []
    cursor = None
    while True:
        page = await page_of(store, where, limit=limit, cursor=cursor)
        pages += [item["_id"] for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert pages == whole


def newest_first(records: list[Record]) -> list[ObjectId]:
    order = sorted(records, key=lambda each: (each.document["timestamp"], each.document["_id"]), reverse=True)
    return [record.document["_id"] for record in order]


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", '"; DROP TABLE interactions', "$gt", '{"$ne": null}', ".*", "%", "_", "a\\", "\N{SNOWMAN}"]
)
async def test_a_value_is_a_value_whatever_it_looks_like(store: Store, value: str) -> None:
    """Values with operators, quotes or SQL are compared as plain text."""
    hostile, harmless = make_record(model=value), make_record()
    await store.put([hostile, harmless])
    for where in (
        Filter(model=value),
        parse(f"model:{quoted(value)}", NOW),
        parse(f"-model:{quoted(PLAIN['model'])}", NOW),
    ):
        assert [item["_id"] for item in await store.list(where, limit=10)] == [hostile.document["_id"]]


def quoted(value: str | None) -> str:
    assert value is not None
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
