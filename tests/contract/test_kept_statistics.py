"""Statistics that other versions of Gemtap have kept: neither read nor replaced, and those of earlier ones deleted."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest
from pymongo import MongoClient

from gemtap.stores.base import Filter, Store
from gemtap.stores.opening import open_store
from gemtap.stores.statistics.cache import VERSION
from tests.contract.test_statistics import counted, varied

pytestmark = pytest.mark.anyio

Parts = list[list[Any]]
"""What `cache.pack` packs."""


def without_a_count(parts: Parts) -> Parts:
    """The parts as a version has them that counts less: one of the counts is not there yet."""
    return [[start, key, counts[:-1], *rest] for start, key, counts, *rest in parts]


def with_more(parts: Parts) -> Parts:
    """The parts as a version has them that counts more, and has another field."""
    return [[start, key, [*counts, 7], *rest, b"new"] for start, key, counts, *rest in parts]


class Kept:
    """The kept parts of a store, past the store itself."""

    def __init__(self, url: str) -> None:
        self._url = url

    def versions(self) -> list[int | None]:
        """The version of each kept part, sorted; None where it names none."""
        if not self._url.startswith("sqlite"):
            with MongoClient[dict[str, Any]](self._url) as client:
                found = [
                    each["_id"].get("version") for each in client.get_default_database()["gemtap_day_parts"].find()
                ]
        else:
            with self._opened() as connection:
                found = [version for (version,) in connection.execute("SELECT version FROM day_parts")]
        return sorted(found, key=lambda version: version or 0)

    def become(self, version: int | None, change: Callable[[Parts], Parts]) -> None:
        """Make all that is kept into what another version would have kept; None is one that named no version."""
        if self._url.startswith("sqlite"):
            with self._opened() as connection:
                for number, packed in connection.execute("SELECT rowid, parts FROM day_parts").fetchall():
                    changed = msgpack.packb(change(msgpack.unpackb(packed)))
                    connection.execute(
                        "UPDATE day_parts SET parts = ?, version = ? WHERE rowid = ?", (changed, version, number)
                    )
            return
        with MongoClient[dict[str, Any]](self._url) as client:
            parts = client.get_default_database()["gemtap_day_parts"]
            for each in list(parts.find()):
                parts.delete_one({"_id": each["_id"]})
                by, day = each["_id"].get("by", each["_id"].get("field")), each["_id"]["day"]
                id_ = {"day": day, "field": by} if version is None else {"version": version, "by": by, "day": day}
                changed = msgpack.packb(change(msgpack.unpackb(each["parts"])))
                parts.insert_one({**each, "_id": id_, "parts": changed})

    def _opened(self) -> contextlib.closing[sqlite3.Connection]:
        return contextlib.closing(sqlite3.connect(Path(self._url.removeprefix("sqlite://")), isolation_level=None))


async def told(store: Store) -> Sequence[Any]:
    return await store.statistics(Filter(), bucket="day", by="model")


async def test_what_an_earlier_version_has_kept_is_counted_anew(store: Store, store_url: str) -> None:
    """Days kept by a version that counted less are counted again. At the latest when a store is opened they go."""
    records = varied(80, days=6)
    await store.put(records)
    right = counted([record.document for record in records], "day", "model")
    assert await told(store) == right
    kept = Kept(store_url)
    days = len(kept.versions())
    assert days >= 5
    kept.become(None if store_url.startswith("mongodb") else VERSION - 1, without_a_count)
    assert await told(store) == right
    assert kept.versions().count(VERSION) == days
    later = open_store(store_url)
    await later.open()
    await later.close()
    assert kept.versions() == [VERSION] * days
    assert await told(store) == right


async def test_what_a_newer_version_has_kept_is_left_alone(store: Store, store_url: str) -> None:
    """A newer Gemtap beside this one keeps its days, and this one its own: nobody replaces the other's."""
    records = varied(80, days=6)
    await store.put(records)
    right = counted([record.document for record in records], "day", "model")
    assert await told(store) == right
    kept = Kept(store_url)
    days = len(kept.versions())
    kept.become(VERSION + 1, with_more)
    later = open_store(store_url)
    await later.open()
    assert await told(later) == await told(store) == right
    assert kept.versions() == [VERSION] * days + [VERSION + 1] * days
    await later.close()


async def test_every_version_counts_a_day_anew_that_has_changed(store: Store, store_url: str) -> None:
    """What this version has kept of a day is no longer used once an interaction of that day is deleted."""
    records = varied(80, days=6)
    await store.put(records)
    await told(store)
    Kept(store_url).become(VERSION + 1, with_more)
    await told(store)
    assert await store.delete([record.document["_id"] for record in records[:40]]) == 40
    assert await told(store) == counted([record.document for record in records[40:]], "day", "model")
