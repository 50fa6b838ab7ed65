"""`gemtap prune`, and the desk that does the same once a day."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from gemtap.settings import SettingsError
from gemtap.settings_loading import load
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from gemtap.upkeep.daily import prune_daily
from tests.records import make_record
from tests.unit.cli.conftest import invoke, keep, run, shown

NOW = datetime.now(UTC).replace(microsecond=0)


def aged(days: float, **fields: object) -> Record:
    return make_record(timestamp=NOW - timedelta(days=days), thread=None, **fields)  # type: ignore[arg-type]


def listed() -> list[str]:
    return [item["id"] for item in json.loads(shown("ls", "--json"))["items"]]


def test_a_dry_run_and_then_for_real() -> None:
    """A dry run deletes nothing; the real run deletes the same number."""
    good, _, new = keep(aged(100, rating="good"), aged(95), aged(1))
    wanted = ("prune", "--older-than", "90d", "--keep", "rating:good")
    said = json.loads(shown(*wanted, "--dry-run", "--json"))
    assert (said["dry_run"], said["deleted"], said["kept"]) == (True, 1, 1)
    assert len(listed()) == 3
    text = shown(*wanted, "--dry-run").splitlines()
    assert text[0].startswith("1 interaction would be deleted, from ")
    assert text[1] == "1 that were old enough stay: kept, or part of a conversation that does."
    done = json.loads(shown(*wanted, "--json"))
    assert (done["dry_run"], done["deleted"], done["too_large"]) == (False, 1, False)
    assert done["bytes_after"] <= done["bytes_before"]
    assert listed() == [new, good]


def test_the_settings_say_what_the_flags_do_not() -> None:
    """Settings apply where flags are missing."""
    keep(aged(100), aged(50))
    done = run("prune", "--dry-run", "--json", GEMTAP_PRUNE_OLDER_THAN="60d")
    assert json.loads(done.stdout)["deleted"] == 1
    done = run("prune", "--older-than", "40d", "--dry-run", "--json", GEMTAP_PRUNE_OLDER_THAN="60d")
    assert json.loads(done.stdout)["deleted"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give --older-than, --max-size or both"),
        (["--older-than", "soon"], "Bad flag --older-than soon: it must be like 90d"),
        (["--max-size", "5"], "Bad flag --max-size 5: it must be like 5GB: a number, and B, kB, MB, GB or TB"),
        (["--max-size", "5 apples"], "Bad flag --max-size 5 apples: it must be like 5GB"),
        (["--older-than", "1d", "--keep", "rating:fine"], "Bad flag --keep: rating: 'fine'"),
    ],
)
def test_what_is_not_understood_deletes_nothing(arguments: list[str], says: str) -> None:
    """Invalid values delete nothing."""
    keep(aged(100))
    error = invoke("prune", *arguments).exception
    assert isinstance(error, SettingsError)
    assert says in str(error)
    assert len(listed()) == 1


def test_a_bad_query_of_the_settings_is_called_a_setting() -> None:
    """Not a flag, which nobody gave."""
    keep(aged(100))
    done = run("prune", "--older-than", "1d", GEMTAP_PRUNE_KEEP="rating:fine")
    assert done.stderr.startswith(b"gemtap: Bad setting prune_keep: rating: 'fine'")


def test_a_store_that_stays_too_large_says_why() -> None:
    """What is kept takes the space, or nothing does but the empty database."""
    keep(aged(100, rating="good"), aged(95))
    said = shown("prune", "--max-size", "1B", "--keep", "rating:good")
    assert said.endswith("The store is still larger than --max-size: --keep protects the rest.\n")
    said = shown("prune", "--max-size", "1B")
    assert said.endswith("The store is still larger than --max-size: an empty store is too.\n")
    assert listed() == []


def test_serve_refuses_a_query_that_is_none() -> None:
    """`serve` rejects an invalid query in the settings."""
    done = run("serve", GEMTAP_PRUNE_KEEP="rating:fine")
    assert done.returncode == 2
    assert done.stderr.startswith(b"gemtap: Bad setting prune_keep: rating: 'fine'")


@pytest.mark.anyio
async def test_the_desk_does_it_again_and_again() -> None:
    """The desk prunes repeatedly."""
    store = open_store("sqlite:///data/gemtap.db")
    await store.open()
    try:
        await store.put([aged(100), aged(0)])
        async with asyncio.TaskGroup() as tasks:
            pruning = tasks.create_task(
                prune_daily(load({"prune_older_than": "90d"}).settings, store, first_after=0.01, every=0.05)
            )
            await _until_told(store, 1)
            await store.put([aged(200), aged(300)])
            await _until_told(store, 2)
            pruning.cancel()
        assert [incident["count"] for incident in await store.incidents.newest(limit=5)] == [2, 1]
        await prune_daily(load().settings, store)  # asked for nothing, it returns
    finally:
        await store.close()


async def _until_told(store: Store, times: int) -> None:
    async with asyncio.timeout(20):
        while len(await store.incidents.newest(limit=5)) < times:
            await asyncio.sleep(0.02)
    assert await store.count(Filter()) == 1
