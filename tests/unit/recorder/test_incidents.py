"""What happens to recording is written down at once and stored when the store can take it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture.spool import Spool
from gemtap.incident import IncidentKind
from gemtap.recorder.incidents import IncidentLog
from gemtap.stores.base import Store
from gemtap.stores.opening import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.create()
    return spool


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    yield store
    await store.close()


async def test_an_outage_is_one_incident_from_its_beginning_to_its_end(spool: Spool, store: Store) -> None:
    """An outage is one incident with a beginning and an end."""
    log = IncidentLog(spool)
    log.outage("no connection")
    log.outage("no connection")
    log.outage("no primary")
    log.outage_over(waiting=12)
    await log.hand_over(store)
    (outage,) = await store.incidents.newest(limit=10)
    assert (outage["kind"], outage["count"], outage["message"]) == ("store_outage", 12, "no primary")
    assert outage["until"] is not None
    assert list(spool.incidents.iterdir()) == []


async def test_an_outage_that_a_recorder_did_not_survive_goes_on_under_the_next(spool: Spool, store: Store) -> None:
    """The next recorder continues the incident of an outage."""
    IncidentLog(spool).outage("no connection")
    (path,) = spool.incidents.iterdir()
    log = IncidentLog(spool)
    log.outage("no connection")
    assert list(spool.incidents.iterdir()) == [path]
    log.outage_over(waiting=3)
    await log.hand_over(store)
    assert [(str(each["_id"]), each["count"]) for each in await store.incidents.newest(limit=10)] == [(path.stem, 3)]


async def test_an_outage_that_was_over_by_the_next_start_is_over(spool: Spool, store: Store) -> None:
    """An outage that ended before the next start is closed."""
    IncidentLog(spool).outage("no connection")
    await IncidentLog(spool).hand_over(store)
    (outage,) = await store.incidents.newest(limit=10)
    assert outage["until"] is not None


async def test_what_happened_to_one_exchange_is_told_once(spool: Spool, store: Store) -> None:
    """A capture that waits for the store is parsed again and again."""
    log, id_ = IncidentLog(spool), ObjectId()
    for _ in range(3):
        log.note(IncidentKind.PARSE_FAILED, id_, "KeyError: x", interaction=str(id_))
    await log.hand_over(store)
    await log.hand_over(store)
    (incident,) = await store.incidents.newest(limit=10)
    assert incident["_id"] == id_
    assert incident["details"] == {"interaction": str(id_)}


async def test_a_file_that_is_no_incident_stays_and_is_in_nobodys_way(spool: Spool, store: Store) -> None:
    """A foreign file in `incidents/` is ignored."""
    (spool.incidents / "notes.json").write_text("mine")
    (spool.incidents / f"{ObjectId()}.json").write_text("{}")
    log = IncidentLog(spool)
    log.note(IncidentKind.CAPTURE_FAILED, None, "torn", file="x.capture")
    await log.hand_over(store)
    assert len(await store.incidents.newest(limit=10)) == 1
    assert len(list(spool.incidents.iterdir())) == 2


async def test_an_incident_that_a_power_cut_has_emptied_is_put_aside(
    spool: Spool, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, not at each look, and those beside it are stored."""
    (spool.incidents / f"{ObjectId()}.json").touch()
    log = IncidentLog(spool)
    log.note(IncidentKind.CAPTURE_FAILED, None, "no head")
    for _ in range(2):
        await log.hand_over(store)
    assert [each["message"] for each in await store.incidents.newest(limit=10)] == ["no head"]
    assert [path.suffix for path in spool.incidents.iterdir()] == [".damaged"]
    assert caplog.text.count("is no incident") == 1
