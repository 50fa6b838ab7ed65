"""What was recorded before becomes searchable beside recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gemtap.interaction import Interaction
from gemtap.recorder.assembling import Assembler
from gemtap.recorder.search_backfill import SearchBackfill
from gemtap.stores.base import StoreUnavailable
from gemtap.stores.query.parsing import parse
from gemtap.stores.search_index import Searchable, SearchIndex
from gemtap.stores.sqlite import SqliteStore
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


class Away:
    """A real search index that can be away at a chosen moment."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self.is_away = True

    async def due(self, *, limit: int) -> Sequence[Interaction]:
        """What is due in the real index, unless it is away."""
        if self.is_away:
            raise StoreUnavailable("away")
        return await self._index.due(limit=limit)

    async def add(self, texts: Iterable[Searchable]) -> None:
        """Add to the real index."""
        await self._index.add(texts)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "gemtap.db")
    await store.open()
    yield store
    await store.close()


async def count(store: SqliteStore, query: str) -> int:
    return len(await store.list(parse(query, NOON), limit=500))


async def test_step_by_step_all_become_searchable(store: SqliteStore) -> None:
    """The backfill indexes all due interactions in steps."""
    await store.put([make_record() for _ in range(50)] + [replace(make_record(), text="stored with it")])
    backfill = SearchBackfill(store.search_index, Assembler({}, None).texts)
    steps = [await backfill.step() for _ in range(4)]
    assert steps == [20, 20, 10, 0]
    assert await count(store, "rayleigh") == 50
    assert await count(store, "stored") == 1


async def test_it_goes_on_once_the_store_is_back_and_notices_what_comes_later(store: SqliteStore) -> None:
    """The backfill resumes after an outage, and indexes later changes."""
    index = Away(store.search_index)
    await store.put([make_record() for _ in range(30)])
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(SearchBackfill(index, Assembler({}, None).texts, looks_every=0.01).run())
        await asyncio.sleep(0.05)
        assert await count(store, "rayleigh") == 0
        index.is_away = False
        while await count(store, "rayleigh") < 30:
            await asyncio.sleep(0.01)
        noted = make_record()
        await store.put([noted])
        await store.annotate(noted.document["_id"], note="remarkable")
        while await count(store, "remarkable") < 1:
            await asyncio.sleep(0.01)
        running.cancel()
