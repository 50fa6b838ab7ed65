"""Captures out of the spool and into the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.spool import Spool
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder import recorder as recorder_module
from gemtap.recorder import waiting as waiting_module
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Filter, Record, RecordRejected, StoreUnavailable
from gemtap.stores.sqlite import SqliteStore
from tests.captures import make_capture

pytestmark = pytest.mark.anyio

LIMITS = SpoolLimits(spool_max_bytes=2**30, disk_min_free_bytes=0)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.create()
    return spool


class FaultyStore(SqliteStore):
    """A real store in front of which faults can be set: the only way to have one at a chosen moment."""

    fault: Callable[[Sequence[Record]], None] = staticmethod(lambda records: None)

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        self.fault(records)
        return await super().put(records)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    store = FaultyStore(tmp_path / "gemtap.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def recorder(spool: Spool, store: FaultyStore) -> Recorder:
    return Recorder(spool, store, {"gemini": PROVIDERS["gemini"]}, LIMITS)


def leave(spool: Spool, capture: bytes | None = None, name: str | None = None) -> Path:
    """Put a capture into `ready/`, as a tap does: whole, by a rename."""
    path = spool.ready / (name or f"{ObjectId()}.capture")
    draft = spool.open / path.name
    draft.write_bytes(make_capture() if capture is None else capture)
    return draft.rename(path)


async def ids(store: FaultyStore) -> list[str]:
    return [str(item["_id"]) for item in await store.list(Filter(), limit=500)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_what_is_recorded_is_out_of_the_spool(spool: Spool, store: FaultyStore, recorder: Recorder) -> None:
    """Recorded captures are removed from the spool."""
    paths = [leave(spool) for _ in range(3)]
    assert await recorder.drain() == 3
    assert spool.waiting() == []
    assert sorted(await ids(store)) == sorted(path.stem for path in paths)
    assert recorder.progress.recorded == 3


async def test_a_capture_is_deleted_only_after_its_commit(spool: Spool, store: FaultyStore, recorder: Recorder) -> None:
    """A crash in between leaves it to be stored again, which stores it once."""
    path = leave(spool)
    capture = path.read_bytes()
    await recorder.drain()
    path.write_bytes(capture)
    assert await recorder.drain() == 1
    assert await ids(store) == [path.stem]


async def test_an_unreadable_capture_is_set_aside_and_the_others_go_on(
    spool: Spool, store: FaultyStore, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """An unreadable capture moves to `failed/`, and the others are recorded."""
    bad = leave(spool, b"garbage", name="000000000000000000000000.capture")
    odd = leave(spool, name="not-an-id.capture")
    good = leave(spool)
    with caplog.at_level(logging.ERROR):
        await recorder.drain()
    assert await ids(store) == [good.stem]
    assert spool.failed_count() == recorder.progress.failed == 2
    assert (spool.failed / bad.name).read_bytes() == b"garbage"
    assert "no capture's id" in (spool.failed / f"{odd.name}.reason.txt").read_text()
    assert str(spool.failed / bad.name) in caplog.text


async def test_an_empty_capture_is_nobodys(spool: Spool, store: FaultyStore, recorder: Recorder) -> None:
    """What is left where a tap, or a recorder that had just stored it, was killed at that very moment."""
    leave(spool, b"")
    good = leave(spool)
    await recorder.drain()
    assert await ids(store) == [good.stem]
    assert spool.waiting() == []
    assert spool.failed_count() == 0


async def test_a_record_that_the_store_refuses_costs_only_itself(
    spool: Spool, store: FaultyStore, recorder: Recorder
) -> None:
    """A rejected record does not affect the others of its batch."""
    paths = [leave(spool) for _ in range(5)]
    refused = paths[2].stem

    def refuse(records: Sequence[Record]) -> None:
        if any(str(record.document["_id"]) == refused for record in records):
            raise RecordRejected("it is too odd")

    store.fault = refuse
    await recorder.drain()
    assert sorted(await ids(store)) == sorted(path.stem for path in paths if path.stem != refused)
    assert (spool.failed / f"{refused}.capture.reason.txt").read_text() == "it is too odd\n"
    assert spool.waiting() == []


async def test_while_the_store_is_away_everything_waits(
    spool: Spool, store: FaultyStore, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Then it arrives, oldest first, by itself."""
    away = True
    order: list[str] = []

    def fault(records: Sequence[Record]) -> None:
        if away:
            raise StoreUnavailable("no answer from 127.0.0.1")
        order.extend(str(record.document["_id"]) for record in records)

    store.fault = fault
    paths = [leave(spool) for _ in range(4)]
    running = asyncio.create_task(recorder.run())  # noqa: TID251 - ended below, whatever happens
    try:
        await until(_true(lambda: recorder.progress.last_error == "no answer from 127.0.0.1"))
        assert len(spool.waiting()) == 4
        assert recorder.progress.last_error_at is not None
        away = False
        await until(_true(lambda: not spool.waiting()))
        await until(_true(lambda: recorder.progress.last_error is None))
    finally:
        recorder.stop()
        await running
    assert order == [path.stem for path in paths]
    assert caplog.text.count("NOT RECORDING") == 1


def _true(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return condition()

    return check


async def test_what_arrives_wakes_the_recorder(
    spool: Spool, store: FaultyStore, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system says so; the scan that would find it anyway is put off for the length of the test."""
    monkeypatch.setattr(recorder_module, "SCAN_EVERY", 3600.0)
    running = asyncio.create_task(recorder.run())  # noqa: TID251 - ended below, whatever happens
    try:
        for count in range(1, 5):
            leave(spool)
            await until(_true(partial(_recorded, recorder, count)))
    finally:
        recorder.stop()
        await running


async def test_what_is_ready_when_it_is_stopped_is_recorded(
    spool: Spool, store: FaultyStore, recorder: Recorder
) -> None:
    """Captures that are ready at the stop are recorded."""
    leave(spool)
    recorder.stop()
    await recorder.run()
    assert recorder.progress.recorded == 1


async def test_two_do_not_record_from_one_spool(spool: Spool, store: FaultyStore, recorder: Recorder) -> None:
    """The second waits for the first to end, and says so."""
    second = Recorder(spool, store, {"gemini": PROVIDERS["gemini"]}, LIMITS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recorder.run())
        leave(spool)
        await until(_true(partial(_recorded, recorder, 1)))
        tasks.create_task(second.run())
        await until(_true(lambda: second.progress.last_error is not None))
        recorder.stop()
        leave(spool)
        await until(_true(lambda: second.progress.recorded + recorder.progress.recorded == 2))
        await until(_true(lambda: second.progress.last_error is None))
        second.stop()


def _recorded(recorder: Recorder, count: int) -> bool:
    return recorder.progress.recorded == count


async def test_what_has_just_arrived_does_not_wait_for_the_end_of_a_backlog(
    spool: Spool, store: FaultyStore, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New captures are recorded during a backlog."""
    monkeypatch.setattr(recorder_module, "_LOOK_AFTER", 0.0)
    monkeypatch.setattr(waiting_module, "BATCH_CAPTURES", 2)
    old = [leave(spool) for _ in range(6)]
    fresh: list[Path] = []
    batches: list[list[str]] = []

    def watch(records: Sequence[Record]) -> None:
        batches.append([str(record.document["_id"]) for record in records])
        if not fresh:
            fresh.append(leave(spool))

    store.fault = watch
    assert await recorder.drain() == 7
    assert batches[0] == [path.stem for path in old[:2]]
    assert batches[1] == [fresh[0].stem]
    assert [id_ for batch in batches[2:] for id_ in batch] == [path.stem for path in old[2:]]
