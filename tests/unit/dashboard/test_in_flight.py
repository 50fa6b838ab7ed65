"""Exchanges under way, read from captures that a tap is writing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from gemtap.capture.events import Event, Kind, read_events
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import Capture, TapFolder
from gemtap.dashboard.in_flight import InFlight
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assembling import read_document
from tests.captures import SSE, STREAM, make_capture

pytestmark = pytest.mark.anyio

ASKED = json.dumps({"contents": [{"role": "user", "parts": [{"text": "Count."}]}]}).encode()


def chunk(text: str) -> bytes:
    return b"data: " + json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}}]}).encode() + b"\r\n\r\n"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.create()
    return spool


@pytest.fixture
def tap(spool: Spool) -> Iterator[TapFolder]:
    tap = TapFolder(spool)
    yield tap
    tap.close()


@pytest.fixture
def flights(spool: Spool) -> InFlight:
    return InFlight(spool, partial(read_document, providers=PROVIDERS, redactor=None), every=0)


TEXTS = ("One, ", "two, ", "three")
EVENTS = list(
    read_events(
        make_capture(
            path=STREAM,
            request=[(10, ASKED)],
            response_headers=SSE,
            response=[(3_000 + at, chunk(text)) for at, text in enumerate(TEXTS)],
        )
    )
)
REQUEST, RESPONSE, CHUNKS = EVENTS[:2], EVENTS[2], EVENTS[3:6]


def write(capture: Capture, *events: Event) -> None:
    for event in events:
        capture.write(Kind(event.kind), event.at, event.value)


def begin(tap: TapFolder, id_: ObjectId) -> Capture:
    capture = tap.capture(id_)
    write(capture, *REQUEST)
    return capture


async def test_an_exchange_is_seen_from_its_request_to_its_end(flights: InFlight, tap: TapFolder) -> None:
    """An exchange is in flight from its request to its end."""
    id_ = ObjectId()
    assert await flights.look() == []
    capture = begin(tap, id_)
    (seen,) = await flights.look()
    assert {name: seen[name] for name in ("id", "model", "prompt", "text", "status")} == {
        "id": str(id_),
        "model": "gemini-2.5-pro",
        "prompt": "Count.",
        "text": "",
        "status": None,
    }
    write(capture, RESPONSE)
    looks = []
    for event in CHUNKS:
        write(capture, event)
        looks += await flights.look()
    assert [look["text"] for look in looks] == ["One,", "One, two,", "One, two, three"]
    document: Any = await flights.document(id_)
    assert document["request"]["body"] == json.loads(ASKED)
    assert document["response"]["status"] == 200
    capture.close()
    assert await flights.look() == []
    assert await flights.document(id_) is None


async def test_events_that_are_torn_are_taken_in_once_they_are_whole(
    flights: InFlight, tap: TapFolder, spool: Spool
) -> None:
    """Torn events are read once they are complete."""
    content = begin(tap, ObjectId()).read()
    torn = tap.path / f"{ObjectId()}.capture"
    for length in (1, len(content) // 2, len(content) - 1):
        torn.write_bytes(content[:length])
        await flights.look()
    torn.write_bytes(content)
    assert [each["prompt"] for each in await flights.look()] == ["Count.", "Count."]


async def test_an_exchange_in_a_file_of_its_own_is_followed_on(flights: InFlight, tap: TapFolder) -> None:
    """A long exchange leaves the segments, and its text goes on."""
    id_ = ObjectId()
    capture = begin(tap, id_)
    write(capture, RESPONSE, CHUNKS[0])
    assert [each["text"] for each in await flights.look()] == ["One,"]
    capture.move()
    write(capture, CHUNKS[1])
    assert [each["text"] for each in await flights.look()] == ["One, two,"]
    capture.close()
    assert await flights.look() == []


async def test_an_exchange_goes_on_over_several_segments(flights: InFlight, tap: TapFolder) -> None:
    """Its events are found in each, also by a look that comes late."""
    capture = begin(tap, ObjectId())
    for event in (RESPONSE, *CHUNKS):
        tap.rotate()
        write(capture, event)
    assert [each["text"] for each in await flights.look()] == ["One, two, three"]


async def test_what_is_no_capture_is_passed_over(flights: InFlight, tap: TapFolder) -> None:
    """Other files are ignored."""
    (tap.path / f"{ObjectId()}.capture").write_bytes(b"no capture")
    (tap.path / "notes.txt").write_text("hello")
    begin(tap, ObjectId())
    assert len(await flights.look()) == 1


async def test_of_very_many_the_newest_are_followed(flights: InFlight, tap: TapFolder) -> None:
    """Only the newest exchanges are followed."""
    ids = [ObjectId() for _ in range(40)]
    captures = [begin(tap, id_) for id_ in ids]
    assert [each["id"] for each in await flights.look()] == [str(id_) for id_ in ids[:-31:-1]]
    for capture in captures:
        capture.close()
