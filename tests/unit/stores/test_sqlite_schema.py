"""The schema's version, and databases that another version of Gemtap wrote."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
import zstandard
from bson import ObjectId
from typer.testing import CliRunner

from gemtap.cli.app import app, register
from gemtap.interaction import NO_TOKENS
from gemtap.stores.base import Filter, Record, StoreError
from gemtap.stores.opening import open_store
from gemtap.stores.query.parsing import parse
from gemtap.stores.saved_searches import checked_search
from gemtap.stores.sqlite.schema import PRERELEASE, VERSION
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio
register()

# A database of schema version 10, which commit 668739d wrote: the records of `stored` with `SqliteStore.put`, and one
# incident with `put_incidents`.
OLD = Path(__file__).with_name("prerelease-10.db.zst")


def stored() -> list[Record]:
    """The records of the old database: a conversation of six turns, and a stream with annotations."""
    tokens = {name: count for name, count in make_record().document["tokens"].items() if name != "cache_write"}
    text, messages, records = "It was said before. " * 100, list[object](), []
    for turn in range(6):
        messages.append({"role": "user", "parts": [{"text": f"{turn} {text}"}]})
        records.append(
            make_record(
                _id=ObjectId(b"turn-%07d" % turn),
                timestamp=NOON + timedelta(minutes=turn),
                recorded_at=NOON + timedelta(minutes=turn, seconds=2),
                request_raw=json.dumps({"contents": messages}).encode(),
                tokens=tokens,
                thread={
                    "id": ObjectId(b"thread-00001"),
                    "turn": turn + 1,
                    "parent": ObjectId(b"parent-%05d" % turn) if turn else None,
                    "new_messages": 1,
                },
            )
        )
        records[-1] = replace(records[-1], links=(b"link-%05d" % turn,))
    stream = make_record(
        _id=ObjectId(b"stream-00001"),
        timestamp=NOON + timedelta(hours=1),
        accumulated={"candidates": [{"content": {"parts": [{"text": text}]}}]},
        response_raw=b"data: {}\r\n\r\n",
        tokens=tokens,
        thread={"id": ObjectId(b"stream-00001"), "turn": 1, "parent": None, "new_messages": 1},
        tags=["kept"],
        note="kept",
        rating="good",
    )
    return [*records, stream]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    path.write_bytes(zstandard.decompress(OLD.read_bytes()))
    return path


async def test_a_prerelease_database_is_refused_with_the_way_out(old: Path) -> None:
    """Serving from it would need migrations; the error names the command that copies it."""
    store = open_store(f"sqlite:///{old}")
    with pytest.raises(StoreError, match=rf"{old} was written .* \(schema {PRERELEASE}\)\. Copy it .*gemtap copy"):
        await store.open()
    await store.close()


async def test_a_prerelease_database_is_copied_whole(old: Path, tmp_path: Path) -> None:
    """Documents, exact bytes, links, annotations, incidents and words arrive; the old file is not changed."""
    new, before = tmp_path / "new.db", old.read_bytes()
    command = ["copy", "--store", f"sqlite:///{old}", "--to", f"sqlite:///{new}"]
    done = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert (done.exit_code, done.output) == (0, "7 interactions copied.\n")
    assert old.read_bytes() == before
    store = open_store(f"sqlite:///{new}")
    await store.open()
    try:
        for record in stored():
            id_ = record.document["_id"]
            assert await store.get(id_) == record.document
            assert await store.raw(id_, "request") == record.request_raw
            assert await store.raw(id_, "response") == record.response_raw
            if record.links:
                assert await store.links.of([id_]) == {id_: record.links}
        assert [incident["kind"] for incident in await store.incidents.newest(limit=9)] == ["store_outage"]
        assert (await store.list(Filter(), limit=1))[0]["rating"] == "good"
        found = await store.list(parse('"said before" tag:kept', NOON), limit=9)
        assert [item["note"] for item in found] == ["kept"]
        assert [fault async for fault in store.maintenance.check()] == []
    finally:
        await store.close()
    assert version_of(new) == VERSION


@pytest.mark.parametrize("version", [11, 12, 13, 14, 15])
async def test_a_database_of_an_earlier_version_is_upgraded(tmp_path: Path, version: int) -> None:
    """It gets what is new; its documents stay, and cached days of either become invalid as before."""
    path = tmp_path / "gemtap.db"
    old = make_record()
    tokens = {name: number for name, number in old.document["tokens"].items() if version > 11 or name != "cache_write"}
    old.document["tokens"] = tokens  # type: ignore[typeddict-item]  # as version 11 stored it
    store = open_store(f"sqlite:///{path}")
    await store.open()
    await store.put([old])
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if version < 13:
            connection.execute("DROP TABLE gemtap_searches")
            connection.execute("DROP INDEX interactions_numbers")
            connection.execute("DROP INDEX interactions_failed_by_thread")
        if version < 15:
            connection.execute("DROP TABLE gemtap_limit_usage")
        connection.execute("DROP INDEX interactions_with_tools")
        if version < 14:
            connection.execute("DROP TRIGGER day_parts_after_update")
            connection.execute("ALTER TABLE interactions DROP COLUMN tool_use")
        else:
            connection.execute("CREATE INDEX interactions_with_tools ON interactions (timestamp, tool_use)")
        if version < 12:
            connection.execute("ALTER TABLE interactions DROP COLUMN cache_write_tokens")
            connection.execute("ALTER TABLE interactions DROP COLUMN cache_saved_usd")
        if version < 14:
            connection.execute(
                "CREATE TRIGGER day_parts_after_update AFTER UPDATE OF timestamp ON interactions BEGIN SELECT 1; END"
            )
        connection.execute(f"PRAGMA user_version = {version}")
    store = open_store(f"sqlite:///{path}")
    await store.open()
    try:
        new = make_record(
            tokens={**NO_TOKENS, "input": 9, "cache_write": 5},
            cost={"usd": 1.0, "source": "test", "cache_saved": -0.5},
            tool_use={"calls": [{"name": "bash", "times": 2}], "results": []},
        )
        await store.put([new])
        assert await store.get(old.document["_id"]) == old.document
        assert await store.get(new.document["_id"]) == new.document
        assert [(row["tool"], row["calls"]) for row in await store.tools(Filter())] == [("bash", 2)]
        (row,) = await store.statistics(Filter())
        assert (row["tokens"]["input"], row["tokens"]["cache_write"], row["cache_saved"]) == (16, 5, -0.5)
        await store.searches.put(checked_search("mine", "error:yes"))
        assert [each["name"] for each in await store.searches.all()] == ["mine"]
        listed = await store.list(parse("cache_write:5", NOON), limit=9)
        assert [item["_id"] for item in listed] == [new.document["_id"]]
    finally:
        await store.close()
    assert version_of(path) == VERSION
    with closing(sqlite3.connect(path)) as upgraded, closing(sqlite3.connect(tmp_path / "new.db")) as fresh:
        fresh.executescript((resources.files("gemtap.stores.sqlite") / "schema.sql").read_text("utf-8"))
        assert names_in(upgraded) >= names_in(fresh)


def names_in(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


async def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An older Gemtap says that it must be updated."""
    path = tmp_path / "gemtap.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=r"newer Gemtap.*Update Gemtap"):
        await store.open()
    await store.close()
    assert version_of(path) == VERSION + 1


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version
