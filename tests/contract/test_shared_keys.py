"""Access keys that several Gemtaps share through one database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import KeyList, add, revoke
from gemtap.desk.app import end_all
from gemtap.incident import IncidentKind, event
from gemtap.stores.base import Store
from gemtap.upkeep.shared_lists import change_list, follow_shared_list, read_list

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def adding(name: str, before: KeyList) -> tuple[KeyList, str]:
    return add(before, name, "member", None, NOW)


async def until(file: KeyFile, names: set[str]) -> None:
    """Wait until the file has the keys of these users."""
    while {each.name for each in file.read().keys} != names:
        await asyncio.sleep(0.01)


async def test_changes_reach_the_file_and_none_is_lost(store: Store, tmp_path: Path) -> None:
    """Changes at the same time all count, wherever the keys are kept."""
    file = KeyFile(tmp_path)
    names = [f"user{number}" for number in range(8)]
    await asyncio.gather(*(change_list(file, store, partial(adding, name)) for name in names))
    kept = await read_list(file, store)
    assert sorted(each.name for each in kept.keys) == names
    assert kept.is_on


async def test_every_gemtap_of_a_shared_database_follows(store: Store, tmp_path: Path) -> None:
    """A key that is made at one Gemtap is known at the other, and revoked there too. SQLite is not shared."""
    here, there = KeyFile(tmp_path / "here"), KeyFile(tmp_path / "there")
    here.change(partial(adding, "first"))  # before the database was shared
    if store.shared is None:
        await follow_shared_list(there, store)  # returns at once
        return
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(follow_shared_list(file, store)) for file in (here, there)]
        await until(there, {"first"})
        await change_list(there, store, partial(adding, "second"))
        await until(here, {"first", "second"})
        await change_list(here, store, lambda before: (revoke(before, "first"), None))
        await until(there, {"second"})
        await change_list(here, store, lambda before: (KeyList(), None))
        await until(there, set())
        await end_all(following)


async def test_the_audit_trail_says_who_did_what(store: Store) -> None:
    """Events of access are kept like incidents."""
    await store.incidents.put([event(IncidentKind.ACCESS_CHANGED, "Access key made for ana.", "bob")])
    (found,) = await store.incidents.newest(limit=1)
    assert (found["kind"], found["message"], found["details"]) == (
        "access_changed",
        "Access key made for ana.",
        {"user": "bob"},
    )
