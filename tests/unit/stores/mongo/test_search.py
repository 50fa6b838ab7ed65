"""How MongoDB answers searches: from the index of words, in the order of time, reading no more than it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from gemtap.stores.base import Store
from gemtap.stores.mongo.queries import NEWEST_FIRST, selection
from gemtap.stores.mongo.searching import UNSEARCHABLE
from gemtap.stores.opening import open_store
from gemtap.stores.query.parsing import parse
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

COUNT = 1_000


@pytest.fixture
async def store(mongod_url: str) -> AsyncIterator[Store]:
    """A thousand interactions; one of a hundred has a rare word, all have two common ones, ten have no text yet."""
    store = open_store(mongod_url)
    await store.open()
    await store.put(
        [
            replace(
                make_record(timestamp=NOON - timedelta(minutes=n)),
                text=None if n % 100 == 1 else f"common words {'rare' if n % 100 == 0 else 'others'} number{n}",
            )
            for n in range(COUNT)
        ]
    )
    yield store
    await store.close()


def explained(url: str, query: dict[str, Any], limit: int) -> dict[str, Any]:
    with MongoClient[dict[str, Any]](url) as client:
        found = client.get_default_database()["gemini_interactions"].find(query, sort=NEWEST_FIRST, limit=limit)
        explained: dict[str, Any] = found.explain()
    return explained


def stages(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in [plan.get("inputStage"), *plan.get("inputStages", [])]:
        if inner:
            yield from stages(inner)


@pytest.mark.parametrize(
    ("query", "documents", "limit"),
    [
        ("common", 50, 50),
        ("rare", 10, 50),
        ("number7", 1, 50),
        ("nowhere", 0, 50),
        ("rare common", 10, 50),
        ("common nowhere", 0, 50),
        ('"rare number100"', 1, 50),
        ('"common words"', 50, 50),
        ("common -rare", 51, 50),
    ],
)
async def test_a_page_reads_the_documents_that_it_shows(
    store: Store, mongod_url: str, query: str, documents: int, limit: int
) -> None:
    """A search reads only the documents of its page."""
    told = explained(mongod_url, selection(parse(query, NOON)), limit)
    found = list(stages(told["queryPlanner"]["winningPlan"]))
    assert [each["indexName"] for each in found if each["stage"] == "IXSCAN"] == ["search"]
    assert "SORT" not in {each["stage"] for each in found}
    assert told["executionStats"]["totalDocsExamined"] <= documents


async def test_what_is_not_searchable_yet_is_found_by_the_index(store: Store, mongod_url: str) -> None:
    """Documents that are due are found by an index."""
    told = explained(mongod_url, UNSEARCHABLE, 5)
    found = list(stages(told["queryPlanner"]["winningPlan"]))
    assert {each["indexName"] for each in found if each["stage"] == "IXSCAN"} == {"search"}
    assert told["executionStats"]["totalDocsExamined"] <= 10
