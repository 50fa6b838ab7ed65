"""What became of recording is itself recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually
from tests.mongod import Mongod
from tests.wire.peers import Peer, request

BODY = b'{"contents":[{"role":"user","parts":[{"text":"Why is the sky blue?"}]}]}'


@pytest.fixture(scope="module")
def api() -> Iterator[SimulatedApi]:
    api = SimulatedApi()
    yield api
    api.stop()


def ask(gemtap: RunningGemtap) -> str:
    """A whole exchange; its id."""
    with Peer.to(gemtap.port) as client:
        client.send(request("/v1beta/models/gemini-2.5-flash:generateContent", "x-goog-api-key: any", body=BODY))
        head, _ = client.take_response()
    assert head.status == 200
    return (head.value(b"x-gemtap-id") or b"").decode()


def events(gemtap: RunningGemtap) -> Any:
    return gemtap.api("events")["items"]


def test_an_outage_of_the_store_is_one_event(api: SimulatedApi, tmp_path: Path) -> None:
    """An outage of the store is stored as one incident."""
    mongod = Mongod(tmp_path / "mongod")
    mongod.start()
    gemtap = RunningGemtap(tmp_path, api.origin, "--store", f"{mongod.url}/gemtap")
    try:
        gemtap.interaction(ask(gemtap))
        # Who reads sees it before the recorder hears that it is on the disk: else it would be one of those that wait.
        eventually(lambda: gemtap.ready()["backlog"] == 0 or None)
        mongod.kill()
        ids = [ask(gemtap) for _ in range(3)]
        told = eventually(
            lambda: ((ready := gemtap.ready())["status"] == "degraded" and ready["error"] and ready) or None
        )
        assert mongod.url in told["error"]
        mongod.start()
        for id_ in ids:
            gemtap.interaction(id_)
        (event,) = eventually(lambda: ((found := events(gemtap)) and found[0]["count"] and found) or None)
    finally:
        gemtap.close()
        mongod.stop()
    assert (event["kind"], event["count"]) == ("store_outage", 3)
    assert event["at"] < event["until"]
    assert mongod.url in event["message"]


def test_what_was_not_recorded_is_an_event(api: SimulatedApi, tmp_path: Path) -> None:
    """Exchanges that were not captured are stored as an incident."""
    gemtap = RunningGemtap(tmp_path, api.origin, GEMTAP_DISK_MIN_FREE_BYTES=str(2**62))
    try:
        eventually(lambda: gemtap.ready()["error"])
        for _ in range(4):
            ask(gemtap)
        ready = eventually(lambda: ((ready := gemtap.ready())["lost"] == 4 and ready) or None)
        assert ready["status"] == "degraded"
        assert "disk_min_free_bytes" in ready["error"]
        assert "captures nothing" in gemtap.get("/")[1].decode()
        (event,) = eventually(lambda: events(gemtap) or None)
    finally:
        gemtap.close()
    assert (event["kind"], event["count"]) == ("captures_lost", 4)
    assert "disk_min_free_bytes" in event["details"]["causes"][0]["cause"]


def test_a_capture_that_cannot_be_read_is_an_event(api: SimulatedApi, tmp_path: Path) -> None:
    """An unreadable capture is stored as an incident."""
    gemtap = RunningGemtap(tmp_path, api.origin)
    try:
        (gemtap.data_dir / "spool" / "ready" / "66f1c0ffee0123456789abcd.capture").write_bytes(b"garbage")
        (event,) = eventually(lambda: events(gemtap) or None)
    finally:
        gemtap.close()
    assert (event["kind"], event["count"], event["id"]) == ("capture_failed", 1, "66f1c0ffee0123456789abcd")
    assert event["details"] == {"file": "66f1c0ffee0123456789abcd.capture"}
