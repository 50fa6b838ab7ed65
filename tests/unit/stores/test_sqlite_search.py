"""The index of words in SQLite: databases of earlier versions, places, and what deletions leave behind."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import Record
from gemtap.stores.query.parsing import parse
from gemtap.stores.search_index import Searchable
from gemtap.stores.sqlite import SqliteStore
from gemtap.stores.sqlite.reading import read_list
from gemtap.stores.sqlite.search_index import tidy
from gemtap.stores.sqlite.store import open_database
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gemtap.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


def said(text: str, **fields: Any) -> Record:
    return replace(make_record(**fields), text=text)


async def ids(store: SqliteStore, query: str) -> list[ObjectId]:
    return [item["_id"] for item in await store.list(parse(query, NOON), limit=500)]


def tidied(path: Path) -> None:
    with closing(open_database(path)) as connection:
        tidy(connection)


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("year", [1, 1969, 1970, 9999])
async def test_any_time_has_a_place(store: SqliteStore, year: int) -> None:
    """The index works for timestamps from year 1 to 9999."""
    records = [said("word", timestamp=datetime(year, month, 5, tzinfo=UTC)) for month in range(1, 13)]
    await store.put(records)
    assert await ids(store, "word") == [record.document["_id"] for record in records[::-1]]
    assert len(await ids(store, f"word time:{year:04}-03")) == 1


async def test_a_deleted_interaction_is_found_no_more_and_nobody_gets_its_place(store: SqliteStore, path: Path) -> None:
    """The place of a deleted interaction is not reused."""
    records = [said(f"word{n}") for n in range(3)]
    await store.put(records)
    await store.delete([records[2].document["_id"]])
    await store.put([said("another")])
    assert await ids(store, "word2") == []
    assert len(await ids(store, "another")) == len(await ids(store, "word1")) == 1
    assert ask(path, "SELECT count(*), count(interaction) FROM search_places") == [(4, 3)]
    assert ask(path, "SELECT places, deleted FROM search_parts") == [(4, 1)]


async def test_a_place_that_is_left_for_another_counts_as_deleted(store: SqliteStore, path: Path) -> None:
    """An interaction that is indexed again leaves a deleted place behind."""
    record = said("first")
    await store.put([record])
    await store.annotate(record.document["_id"], note="a note")
    await store.search_index.add([Searchable(record.document["_id"], "second", "a note", record.document["thread"])])
    assert ask(path, "SELECT places, deleted FROM search_parts") == [(2, 1)]
    assert ask(path, "SELECT part = place >> 33 FROM search_parts, search_places") == [(1,), (1,)]


async def test_tidying_drops_what_is_wholly_deleted_and_makes_anew_what_mostly_is(
    store: SqliteStore, path: Path
) -> None:
    """Tidying drops mostly deleted parts; the rest of them is due again."""
    old = [said("gone", timestamp=NOON - timedelta(days=100, seconds=n)) for n in range(20)]
    new = [said("gone" if n % 10 else "kept", timestamp=NOON + timedelta(seconds=n)) for n in range(2_000)]
    going = [record.document["_id"] for record in new if record.text == "gone"]
    await store.put([*old, *new])
    await store.delete([record.document["_id"] for record in old])
    tidied(path)
    assert len(ask(path, "SELECT * FROM search_parts")) == 1
    assert len(await ids(store, "kept")) == 200
    await store.delete(going[:990])
    tidied(path)
    assert await store.search_index.due(limit=10) == []  # not worth it yet
    await store.delete(going[990:])
    pages = ask(path, "SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'search_*'")
    tidied(path)
    assert ask(path, "SELECT count(*) FROM search_places") == [(0,)]
    due = await store.search_index.due(limit=500)
    assert len(due) == 200
    await store.search_index.add(Searchable(document["_id"], "kept", None, document["thread"]) for document in due)
    assert len(await ids(store, "kept")) == 200
    assert await ids(store, "gone") == []
    assert ask(path, "SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'search_*'") < pages


async def test_the_index_holds_no_text(store: SqliteStore, path: Path) -> None:
    """The full-text index stores no readable text."""
    await store.put([said("a long sentence which is stored nowhere else at all")])
    tables = ask(path, "SELECT name FROM sqlite_master WHERE name GLOB 'search_*' AND type = 'table'")
    assert not [name for (name,) in tables if name.endswith("_content")]


async def test_a_page_reads_only_as_far_as_it_goes(store: SqliteStore, path: Path) -> None:
    """The newest of a frequent word: the rest of them is not looked at."""
    await store.put([said("word", timestamp=NOON - timedelta(hours=n)) for n in range(3_000)])
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(open_database(path)) as connection:
        connection.set_progress_handler(step, 100)
        assert len(read_list(connection, parse("word", NOON), "newest", None, 51)) == 51
        few = steps
        assert len(read_list(connection, parse("word", NOON), "newest", None, 2_900)) == 2_900
    assert few < (steps - few) / 10
