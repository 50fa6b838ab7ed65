"""The JSON API: statistics and threads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bson import ObjectId

from tests.records import NOON, make_record
from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio

PLACE = {"id": ObjectId("66f1c0ffee0123456789abcd"), "turn": 1, "parent": None, "new_messages": 1}


async def test_statistics_are_rows_by_bucket_and_key(site: Site) -> None:
    """Statistics are rows by bucket and key."""
    await site.keep()
    await site.keep(timestamp=NOON + timedelta(hours=1), cost=None, error={"message": "broken", "details": None})
    await site.keep(timestamp=NOON + timedelta(days=1), model="other")
    found = await site.api("stats?bucket=day&by=model")
    assert [(row["bucket"], row["key"], row["requests"]) for row in found["rows"]] == [
        ("2026-03-14T00:00:00.000Z", "gemini-2.5-pro", 2),
        ("2026-03-15T00:00:00.000Z", "other", 1),
    ]
    assert found["rows"][0] | {"bucket": None, "key": None} == {
        "bucket": None,
        "key": None,
        "requests": 2,
        "errors": 1,
        "tokens": {"input": 14, "cached": 0, "cache_write": 0, "output": 4, "reasoning": 0, "tool_use": 0, "total": 18},
        "cost": 0.000125,
        "priced": 1,
        "cache_saved": 0.0,
        "duration_ms": {"p50": 1234.567, "p95": 1234.567, "p99": 1234.567},
        "first_byte_ms": {"p50": 800.25, "p95": 800.25, "p99": 800.25},
        "context": {"system": 0, "tools": 0, "media": 0, "results": 0, "history": 0, "new": 14},
    }


async def test_statistics_take_the_conditions_of_lists(site: Site) -> None:
    """Statistics accept the filters of lists."""
    await site.keep(model="a")
    await site.keep(model="b")
    await site.keep(model="b", timestamp=NOON + timedelta(days=1))
    for query in ("model=b&until=2026-03-15", "q=model:b+until:2026-03-15", "model=b&q=until:2026-03-15"):
        found = await site.api(f"stats?{query}")
        assert [(row["bucket"], row["key"], row["requests"]) for row in found["rows"]] == [(None, None, 1)]


@pytest.mark.parametrize(
    ("query", "named"),
    [("bucket=year", "bucket"), ("by=colour", "by"), ("limit=3", "limit"), ("q=colour:red", "q"), ("since=x", "since")],
)
async def test_what_statistics_do_not_know_is_refused(site: Site, query: str, named: str) -> None:
    """Unknown buckets and fields are rejected."""
    status, message = await site.refusal(f"/api/stats?{query}")
    assert status == 422
    assert named in message


async def test_threads_are_listed_page_by_page(site: Site) -> None:
    """Threads are listed in pages."""
    for number in range(3):
        place = {**PLACE, "id": ObjectId(f"{number:024x}")}
        await site.keep(thread=place, timestamp=NOON + timedelta(minutes=number))
    first = await site.api("threads?limit=2")
    second = await site.api(f"threads?limit=2&cursor={first['next']}")
    assert [item["id"][-1] for item in (*first["items"], *second["items"])] == ["2", "1", "0"]
    assert second["next"] is None
    assert first["items"][0] == {
        "id": f"{2:024x}",
        "turns": 1,
        "failed": 0,
        "first_at": "2026-03-14T12:02:00.123Z",
        "last_at": "2026-03-14T12:02:00.123Z",
        "model": "gemini-2.5-pro",
        "client": "cline",
        "tokens": 9,
        "cost": 0.000125,
        "preview": {"prompt": "Why is the sky blue?", "answer": "Rayleigh."},
        "state": "answered",
    }
    assert (await site.refusal(f"/api/threads?sort=cost&cursor={first['next']}"))[0] == 400


async def test_a_thread_is_its_turns(site: Site) -> None:
    """A thread has its turns."""
    old = await site.keep(thread=PLACE)
    new = await site.keep(thread=PLACE, timestamp=NOON + timedelta(minutes=1))
    shown = await site.api(f"threads/{PLACE['id']}")
    assert (shown["id"], shown["turns"], shown["tokens"]) == (str(PLACE["id"]), 2, 18)
    assert [item["id"] for item in shown["items"]] == [new, old]
    assert "body" not in shown["items"][0]["request"]
    page = await site.api(f"threads/{PLACE['id']}?limit=1")
    rest = await site.api(f"threads/{PLACE['id']}?limit=1&cursor={page['next']}")
    assert [item["id"] for item in (*page["items"], *rest["items"])] == [new, old]


@pytest.mark.parametrize("id_", ["0123456789abcdef01234567", "none"])
async def test_a_thread_that_is_none_is_not_found(site: Site, id_: str) -> None:
    """An unknown thread is not found."""
    await site.store.put([make_record(thread=None)])
    assert await site.refusal(f"/api/threads/{id_}") == (404, f"There is no thread {id_}.")
