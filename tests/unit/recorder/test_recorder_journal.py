"""The recorder over journals: what a tap appends, what it leaves at its death, and what earlier versions left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.events import Kind, read_events
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import Capture, TapFolder
from gemtap.interaction import Outcome
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Record, RecordRejected, StoreUnavailable
from tests.captures import make_capture
from tests.unit.recorder.test_recorder import FaultyStore, ids, spool, store

__all__ = ["spool", "store"]

pytestmark = pytest.mark.anyio

LIMITS = SpoolLimits(spool_max_bytes=2**30, disk_min_free_bytes=0)


@pytest.fixture
def tap(spool: Spool) -> Iterator[TapFolder]:
    tap = TapFolder(spool)
    yield tap
    tap.close()


def new_recorder(spool: Spool, store: FaultyStore) -> Recorder:
    return Recorder(spool, store, {"gemini": PROVIDERS["gemini"]}, LIMITS)


def write(tap: TapFolder, capture: bytes | None = None) -> Capture:
    """Append a capture's events, and close it if it has an end."""
    written = tap.capture(ObjectId())
    for event in read_events(make_capture() if capture is None else capture):
        written.write(Kind(event.kind), event.at, event.value)
    return written


async def test_what_is_recorded_is_out_of_the_journal(spool: Spool, store: FaultyStore, tap: TapFolder) -> None:
    """The progress is noted, so that another recorder begins behind it; a full segment is deleted."""
    first = [write(tap).id for _ in range(3)]
    assert await new_recorder(spool, store).drain() == 3
    assert await ids(store) == [str(id_) for id_ in reversed(first)]
    assert spool.size() == 0
    recorder = new_recorder(spool, store)
    assert await recorder.drain() == 0
    tap.rotate()
    write(tap)
    assert await recorder.drain() == 1
    assert await recorder.drain() == 0
    assert len(list(tap.path.glob("*.segment"))) == 1


async def test_an_outage_keeps_everything(spool: Spool, store: FaultyStore, tap: TapFolder) -> None:
    """What was taken before the error is taken again, with what came meanwhile."""
    away = True

    def fault(records: Sequence[Record]) -> None:
        if away:
            raise StoreUnavailable("no answer")

    store.fault = fault
    recorder = new_recorder(spool, store)
    written = [write(tap).id for _ in range(3)]
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await recorder.drain()
        tap.rotate()
        written.append(write(tap).id)
    away = False
    assert await recorder.drain() == 5
    assert await ids(store) == [str(id_) for id_ in reversed(written)]


async def test_a_refused_capture_is_kept_as_a_file_and_can_be_tried_again(
    spool: Spool, store: FaultyStore, tap: TapFolder
) -> None:
    """Its segment goes, the file stays, and moved to `ready/` it is recorded."""
    capture = make_capture()
    odd, good = write(tap, capture), write(tap)
    refused = True

    def fault(records: Sequence[Record]) -> None:
        if refused and any(record.document["_id"] == odd.id for record in records):
            raise RecordRejected("it is too odd")

    store.fault = fault
    recorder = new_recorder(spool, store)
    tap.rotate()
    await recorder.drain()
    assert await ids(store) == [str(good.id)]
    assert recorder.progress.failed == spool.failed_count() == 1
    kept = spool.failed / f"{odd.id}.capture"
    assert kept.read_bytes() == capture
    assert kept.with_name(f"{kept.name}.reason.txt").read_text() == "it is too odd\n"
    refused = False
    kept.rename(spool.ready / kept.name)
    assert await recorder.drain() == 1
    assert str(odd.id) in await ids(store)


async def test_exchanges_of_a_dead_tap_are_interrupted(spool: Spool, store: FaultyStore) -> None:
    """With all that had arrived, in its segments or in a file; then nothing is left of its folder."""
    dead = TapFolder(spool)
    partial = make_capture(outcome=None)
    captures = [write(dead, partial), write(dead, partial)]
    captures[1].move()
    whole = write(dead)
    dead.close()
    assert await new_recorder(spool, store).drain() == 3
    outcomes = {}
    for id_ in (*(each.id for each in captures), whole.id):
        document = await store.get(id_)
        assert document is not None
        assert document["response"] is not None
        outcomes[id_] = document["outcome"]
    assert list(outcomes.values()) == [Outcome.INTERRUPTED, Outcome.INTERRUPTED, Outcome.COMPLETE]
    assert list(spool.open.iterdir()) == []


async def test_damage_is_an_incident(spool: Spool, store: FaultyStore, tap: TapFolder) -> None:
    """The exchange is interrupted or failed, the others are whole, and the incident says which bytes it was."""
    first = write(tap)
    path = next(tap.path.glob("*.segment"))
    before = path.stat().st_size
    damaged, last = write(tap), write(tap)
    content = bytearray(path.read_bytes())
    content[before + 40] ^= 1
    path.write_bytes(content)
    await new_recorder(spool, store).drain()
    assert await ids(store) == [str(last.id), str(first.id)]
    assert (spool.failed / f"{damaged.id}.capture").exists()
    incidents = [each.read_text() for each in spool.incidents.glob("*.json")]
    assert sum(f"damage in {path.name}: bytes {before} to" in each for each in incidents) == 1
    assert sum('"captures_lost"' in each for each in incidents) == 1


async def test_what_an_earlier_version_left_is_recorded(spool: Spool, store: FaultyStore, tap: TapFolder) -> None:
    """Captures in `ready/`, and in the folders of its taps, together with what comes now."""
    (spool.open / "1-old").mkdir()
    old: list[Path] = [spool.open / "1-old" / f"{ObjectId()}.capture", spool.ready / f"{ObjectId()}.capture"]
    for path in old:
        path.write_bytes(make_capture())
    new = write(tap)
    assert await new_recorder(spool, store).drain() == 3
    assert await ids(store) == [str(new.id), old[1].stem, old[0].stem]
    assert spool.taps() == [tap.path]
    assert spool.waiting() == []
