"""Recorded conversations whose turns reach three recorders, each a `gemtap serve` of its own, in any order."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from bench.simulated_clients import Turn
from bench.threads import capture_of, recorded
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.spool import SUFFIX, Spool
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Filter
from gemtap.stores.opening import open_store
from tests.e2e.running_gemtap import RunningGemtap, eventually

FOLDER = os.environ.get("GEMTAP_TEST_RECORDINGS")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(FOLDER is None, reason="GEMTAP_TEST_RECORDINGS names no folder of recordings"),
]

BEGAN = 1_773_489_600.0
SECONDS_BETWEEN = 2.0
ROUNDS = 6
NOBODY = "http://127.0.0.1:9"
"""No test here sends a request."""

Captures = dict[ObjectId, bytes]


@pytest.fixture(scope="module")
def turns() -> list[Turn]:
    """The turns of all recorded sessions of gemini-cli, several sessions at a time."""
    assert FOLDER is not None
    sessions: list[list[Turn]] = []
    for turn in recorded(Path(FOLDER) / "gemini-cli-streams.json"):
        sessions.append([turn]) if turn.parent is None else sessions[-1].append(turn)
    assert sum(len(session) > 1 for session in sessions) >= 10
    rng = random.Random(16)
    order = [number for number, session in enumerate(sessions) for _ in session]
    rng.shuffle(order)
    waiting = [iter(session) for session in sessions]
    return [next(waiting[number]) for number in order]


@pytest.fixture(scope="module")
def captures(turns: list[Turn]) -> Captures:
    """A capture for each turn, in the order of time."""
    return {ObjectId(): capture_of(turn, BEGAN + number * SECONDS_BETWEEN) for number, turn in enumerate(turns)}


@pytest.fixture(params=["sqlite", "mongodb"])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store that several processes may use."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    url: str = request.getfixturevalue("mongod_url")
    return url


@pytest.fixture
def three(shared_store: str, tmp_path: Path) -> Iterator[list[RunningGemtap]]:
    """Three running Gemtaps with a data directory each, and one store."""
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(3) as pool:
        running = list(pool.map(lambda folder: RunningGemtap(folder, NOBODY, "--store", shared_store), folders))
    yield running
    for gemtap in running:
        gemtap.close()


async def recorded_in_order(captures: Captures) -> dict[str, Any]:
    """The threads by interaction when one recorder gets one capture after the other."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool")
        spool.create()
        store = open_store(f"sqlite:///{folder}/gemtap.db")
        await store.open()
        try:
            recorder = Recorder(spool, store, PROVIDERS, SpoolLimits(2**40, 0))
            for id_, capture in captures.items():
                (spool.ready / f"{id_}{SUFFIX}").write_bytes(capture)
                assert await recorder.drain() == 1
            items = await store.list(Filter(), order="oldest", limit=len(captures))
        finally:
            await store.close()
    return {str(item["_id"]): {**item["thread"], **_as_text(item["thread"])} for item in items}


def _as_text(thread: Any) -> dict[str, Any]:
    return {"id": str(thread["id"]), "parent": thread["parent"] and str(thread["parent"])}


def hand_over(gemtap: RunningGemtap, id_: ObjectId, capture: bytes) -> None:
    """Put a capture into the spool as the tap does: it appears complete."""
    spool = gemtap.data_dir / "spool"
    written = spool / f"{id_}.written"
    written.write_bytes(capture)
    written.rename(spool / "ready" / f"{id_}{SUFFIX}")


def in_rounds(ids: Sequence[ObjectId]) -> list[list[ObjectId]]:
    """The ids shuffled, in parts of about the same size. A round is the delay of its captures."""
    shuffled = list(ids)
    random.Random(3).shuffle(shuffled)
    return [shuffled[number::ROUNDS] for number in range(ROUNDS)]


async def test_turns_that_come_late_to_any_of_three_recorders(
    three: list[RunningGemtap], turns: list[Turn], captures: Captures
) -> None:
    """Threads are as if recorded in order, and every id that was ever the id of a thread leads to the right one."""
    choose = random.Random(5).choice
    once_shown: set[str] = set()
    for delayed in in_rounds(list(captures)):
        for each in delayed:
            hand_over(choose(three), each, captures[each])
        for each in delayed:
            eventually(lambda each=each: _listed(three[0], each))  # type: ignore[misc]
        once_shown |= {thread["id"] for thread in three[0].api("threads?limit=200")["items"]}
    for gemtap in three:
        eventually(lambda gemtap=gemtap: gemtap.ready()["backlog"] == 0 or None)  # type: ignore[misc]

    expected = await recorded_in_order(captures)
    items = {item["id"]: item for item in three[1].api("interactions?limit=200")["items"]}
    assert {id_: item["thread"] for id_, item in items.items()} == expected

    ids = dict(zip(map(id, turns), captures, strict=True))
    known = {str(ids[id(turn)]): str(ids[id(turn.parent)]) if turn.parent else None for turn in turns}
    assert {id_: thread["parent"] for id_, thread in expected.items()} == known

    rounds = {str(each): number for number, delayed in enumerate(in_rounds(list(captures))) for each in delayed}
    late = [id_ for id_, parent in known.items() if parent and rounds[id_] < rounds[parent]]
    assert len(late) >= 10
    assert all(items[id_]["recorded_at"] < items[str(known[id_])]["recorded_at"] for id_ in late)
    final = {thread["id"] for thread in expected.values()}
    assert once_shown > final
    for id_ in once_shown:
        thread = three[2].api(f"threads/{id_}")
        assert thread["id"] == expected[id_]["id"]
        (listed,) = three[2].api(f"threads?q=thread:{id_}")["items"]
        assert listed["id"] == expected[id_]["id"]


def _listed(gemtap: RunningGemtap, id_: ObjectId) -> bool | None:
    return gemtap.get(f"/api/interactions/{id_}")[0] == 200 or None
