"""Statistics of tools: the same in every store as counting the documents one by one."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.links import Move
from gemtap.stores.query.parsing import parse
from tests.contract.test_statistics import ranked
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(days=3)


def using_tools(number: int, *, days: float = 20) -> list[Record]:
    """Records of threads, some of which call tools and bring results, over so many days before noon."""
    chance = random.Random(7)
    records: list[Record] = []
    for turn in range(number):
        at = NOON - timedelta(days=days) + timedelta(days=days) * turn / number + timedelta(seconds=chance.random())
        parent = chance.choice(records[-5:]).document if records and chance.random() < 0.8 else None
        id_ = ObjectId()
        fields: dict[str, Any] = {"tool_use": some_tools(chance)} if chance.random() < 0.8 else {}
        records.append(
            make_record(
                _id=id_,
                timestamp=at.replace(microsecond=at.microsecond // 1000 * 1000),
                model=chance.choice(["gemini-2.5-pro", "gpt-5", None]),
                error=chance.choice([None, None, {"message": "broken", "details": None}]),
                cost=chance.choice([None, {"usd": chance.random(), "source": "test"}, {"usd": None, "source": None}]),
                request_duration_ms=chance.choice([None, chance.random() * 90_000, 1_000]),
                thread={
                    "id": parent["thread"]["id"] if parent and parent["thread"] else id_,
                    "turn": 1,
                    "parent": parent["_id"] if parent else None,
                    "new_messages": 1,
                },
                **fields,
            )
        )
    return records


def some_tools(chance: random.Random) -> dict[str, Any]:
    names = ["read_file", "bash", "mcp.server.tool", "$odd", None]
    return {
        "calls": [
            {"name": name, "times": chance.randint(1, 3)} for name in chance.sample(names[:4], chance.randint(0, 3))
        ],
        "results": [
            {"name": name, "times": 3, "failed": chance.choice([None, 0, 1, 3])}
            for name in chance.sample(names, chance.randint(0, 3))
        ],
    }


def end_of(document: Interaction | None) -> datetime | None:
    if document is None or document["request_duration_ms"] is None:
        return None
    return document["timestamp"] + timedelta(milliseconds=document["request_duration_ms"])


def counted(documents: Sequence[Interaction], all_documents: Sequence[Interaction]) -> list[dict[str, Any]]:
    """What the rows are to be."""
    by_id = {document["_id"]: document for document in all_documents}
    calls, times = defaultdict[Any, int](int), defaultdict[Any, list[Any]](list)
    results = defaultdict[Any, list[tuple[int | None, float | None]]](list)
    for document in documents:
        use: Any = document.get("tool_use", {"calls": [], "results": []})
        for call in use["calls"]:
            calls[call["name"]] += call["times"]
        if document["error"] is not None:
            continue
        cost = document["cost"]["usd"] if document["cost"] else None
        number = sum(result["times"] for result in use["results"])
        parent = document["thread"]["parent"] if document["thread"] else None
        end = end_of(by_id.get(parent)) if parent else None
        for result in use["results"]:
            for which in range(result["times"]):
                failed = None if result["failed"] is None else int(which < result["failed"])
                results[result["name"]].append((failed, None if cost is None else cost / number))
                waited = None if end is None else (document["timestamp"] - end) / timedelta(milliseconds=1)
                times[result["name"]].append(None if waited is None else max(0, waited))
    rows = []
    for name in {*calls, *results}:
        marks = [failed for failed, _ in results[name] if failed is not None]
        costs = [cost for _, cost in results[name] if cost is not None]
        rows.append(
            {
                "tool": name,
                "calls": calls[name],
                "results": len(results[name]),
                "marked": len(marks),
                "failed": sum(marks) if marks else None,
                "cost": pytest.approx(sum(costs)) if costs else None,
                "priced": len(costs),
                "time_ms": ranked(times[name]),
            }
        )
    return sorted(rows, key=lambda row: (-row["calls"], -row["results"], row["tool"] or ""))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "model:gpt-5",
        "-model:* error:yes",
        "since:2026-03-01T07:31:12.345Z until:2026-03-09T01:00:00Z",
        "cost:>0.5",
        "text:sky",
        "model:none",
    ],
)
async def test_tools_are_what_counting_gives(store: Store, query: str) -> None:
    """For every filter, the statistics of tools equal those computed from the documents in Python."""
    records = using_tools(300)
    await store.put(records)
    where = parse(query, NOW)
    documents = [document async for document in store.scan(where)]
    expected = counted(documents, [record.document for record in records])
    assert await store.tools(where) == expected
    # From the cached days.
    assert await store.tools(where) == expected


async def test_tools_follow_what_is_stored_moved_and_deleted(store: Store) -> None:
    """Also for days that were asked about before, and for turns that get another parent."""
    records = using_tools(60, days=5)
    documents = [record.document for record in records]
    await store.put(records[:30])
    assert await store.tools(Filter()) == counted(documents[:30], documents[:30])
    await store.put(records[30:])
    assert await store.tools(Filter()) == counted(documents, documents)
    moved = next(each for each in documents[20:] if each.get("tool_use", {}).get("results") and not each["error"])
    old = moved["thread"]
    parent = next(
        each
        for each in documents[:20]
        if each["request_duration_ms"] is not None and old is not None and each["_id"] != old["parent"]
    )
    assert old is not None
    new = {**old, "parent": parent["_id"]}
    before = await store.tools(Filter())
    await store.links.move([Move(moved["_id"], old, new)])  # type: ignore[arg-type]
    moved["thread"] = new  # type: ignore[typeddict-item]
    after = await store.tools(Filter())
    assert after == counted(documents, documents) != before
    parents = {each["thread"]["parent"] for each in documents if each["thread"]}
    gone = [each["_id"] for each in documents if each["_id"] not in parents][:10]
    await store.delete(gone)
    left = [each for each in documents if each["_id"] not in gone]
    assert await store.tools(Filter()) == counted(left, left)


async def test_without_tools_there_are_no_rows(store: Store) -> None:
    """An empty store, and interactions without tools, have no rows."""
    assert await store.tools(Filter()) == []
    await store.put([make_record(), make_record(timestamp=NOON - timedelta(days=3))])
    assert await store.tools(Filter()) == []
