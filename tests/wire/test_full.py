"""A full spool or disk: traffic continues and losses are counted, or requests are refused, depending on the setting."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from gemtap.capture.journal import end_of
from gemtap.incident import Incident, from_line
from tests.wire.peers import ScriptedUpstream, eventually, request, response
from tests.wire.running_tap import RunningTap

StartTap = Callable[..., RunningTap]


def exchange(tap: RunningTap, upstream: ScriptedUpstream) -> bytes:
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Connection: close", body=b'{"ok": 1}'))
        body = client.take_response()[1]
        peer.close()
    return body


def until_full(tap: RunningTap) -> Any:
    return eventually(lambda: tap.health()["full"])


def incidents(folder: Path) -> list[Incident]:
    return [from_line(ObjectId(path.stem), path.read_bytes()) for path in (folder / "incidents").glob("*.json")]


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"spool_max_bytes": 1}, "spool_max_bytes"), ({"disk_min_free_bytes": 2**62}, "disk_min_free_bytes")],
)
def test_traffic_goes_on_and_what_is_not_recorded_is_counted(
    start_tap: StartTap, upstream: ScriptedUpstream, settings: dict[str, Any], named: str
) -> None:
    """At a limit, traffic continues and each loss is counted."""
    tap = start_tap(**settings)
    if "spool_max_bytes" in settings:
        exchange(tap, upstream)
    assert named in until_full(tap)
    before = tap.ended()
    for _ in range(3):
        assert exchange(tap, upstream) == b'{"ok": 1}'
    assert tap.ended() == before
    assert tap.health()["captures_lost"] == 3
    assert tap.health()["last_loss"] == tap.health()["full"]
    assert tap.log.read_text().count("NOT RECORDING") == 1
    assert tap.stop() == 0
    (incident,) = incidents(tap.spool)
    assert (incident["kind"], incident["count"]) == ("captures_lost", 3)
    causes = incident["details"]["causes"]
    assert sum(each["count"] for each in causes) == 3
    assert any(named in each["cause"] for each in causes)
    assert incident["until"] is not None
    assert incident["at"] <= incident["until"]


def test_a_full_disk_is_known_before_the_first_exchange(start_tap: StartTap, upstream: ScriptedUpstream) -> None:
    """Also while the machine is so busy that the first look at the whole spool takes long."""
    tap = start_tap(disk_min_free_bytes=2**62)
    exchange(tap, upstream)
    health = tap.health()
    assert health["captures_lost"] == 1
    assert "disk_min_free_bytes" in health["last_loss"]


def test_the_number_survives_a_kill(start_tap: StartTap, upstream: ScriptedUpstream) -> None:
    """The next tap reports the losses of a killed one."""
    tap = start_tap(disk_min_free_bytes=2**62)
    until_full(tap)
    exchange(tap, upstream)
    tap.kill()
    assert incidents(tap.spool) == []
    tap.start()
    assert [each["count"] for each in incidents(tap.spool)] == [1]


def test_requests_are_refused_where_a_record_is_a_must(start_tap: StartTap, upstream: ScriptedUpstream) -> None:
    """With `when_full = refuse`, requests get a 503 at a limit."""
    tap = start_tap(disk_min_free_bytes=2**62, when_full="refuse")
    until_full(tap)
    with tap.connect() as client:
        client.send(request())
        head, body = client.take_response()
        client.send(request(body=b"x" * 3_000_000))
        assert client.take_response()[0].status == 503
    error = json.loads(body)["error"]
    assert (head.status, error["status"]) == (503, "RESOURCE_EXHAUSTED")
    assert "disk_min_free_bytes" in error["message"]
    assert upstream.nobody_calls(0.1)
    assert tap.health()["requests_refused"] == 2
    tap.stop()
    assert [(each["kind"], each["count"]) for each in incidents(tap.spool)] == [("requests_refused", 2)]


@pytest.mark.parametrize(
    "sent",
    [request("/v1beta/models", f"X-Long: {'x' * 2000}", body=b""), request(body=b"x" * 5000)],
    ids=["head", "body"],
)
def test_a_request_that_cannot_be_written_is_refused_before_it_goes_on(
    start_tap: StartTap, upstream: ScriptedUpstream, sent: bytes
) -> None:
    """The disk may fill up between two checks, which is simulated by a file size limit of a thousand bytes."""
    tap = start_tap(when_full="refuse")
    resource.prlimit(tap.process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    with tap.connect() as client:
        client.send(sent)
        head, body = client.take_response()
    assert (head.status, json.loads(body)["error"]["status"]) == (503, "RESOURCE_EXHAUSTED")
    assert "too large" in json.loads(body)["error"]["message"]
    assert upstream.nobody_calls(0.1)


def test_recording_goes_on_when_there_is_room_again(start_tap: StartTap, upstream: ScriptedUpstream) -> None:
    """Capturing resumes when there is space again."""
    tap = start_tap(spool_max_bytes=1)
    exchange(tap, upstream)
    until_full(tap)
    exchange(tap, upstream)
    tap.forget()
    # What the recorder has noted as recorded does not count, although it is on the disk.
    (folder,) = (tap.spool / "open").iterdir()
    number, size = end_of(folder)
    (folder / "recorded").write_text(f"{number} {size}")
    eventually(lambda: tap.health()["full"] is None or None)
    exchange(tap, upstream)
    eventually(lambda: len(tap.ended()) == 1 or None)
    eventually(lambda: incidents(tap.spool) or None)
    assert tap.health()["captures_lost"] == 1
