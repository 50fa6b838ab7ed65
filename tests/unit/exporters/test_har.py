"""HTTP Archives, read by haralyzer and held against the specification."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import msgpack
import pytest
from haralyzer import HarParser

from gemtap.interaction import iso
from gemtap.stores.base import Store
from tests.records import NOON, REQUEST_RAW, RESPONSE_RAW, make_record
from tests.unit.exporters.exported import export

pytestmark = pytest.mark.anyio


def check(archive: Any) -> list[Any]:
    """The entries of an archive as http://www.softwareishard.com/blog/har-12-spec/ wants them: all that it requires."""
    log = archive["log"]
    assert log["version"] == "1.2"
    assert log["creator"].keys() >= {"name", "version"}
    for entry in log["entries"]:
        assert entry.keys() >= {"startedDateTime", "time", "request", "response", "cache", "timings"}
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        request, response = entry["request"], entry["response"]
        both = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
        assert request.keys() >= both | {"method", "url", "queryString"}
        assert response.keys() >= both | {"status", "statusText", "content", "redirectURL"}
        assert response["content"].keys() >= {"size", "mimeType"}
        assert all(each.keys() >= {"name", "value"} for each in request["headers"] + response["headers"])
        times = entry["timings"]
        assert times.keys() >= {"send", "wait", "receive"}
        assert entry["time"] == pytest.approx(sum(times.values()))
        if "postData" in request:
            assert request["postData"].keys() >= {"mimeType", "text"}
    entries: list[Any] = log["entries"]
    return entries


async def test_an_entry_has_the_whole_exchange(store: Store) -> None:
    """An entry has the whole exchange."""
    await store.put([make_record()])
    content, report = await export("har", store)
    (entry,) = check(json.loads(content))
    (read,) = HarParser(json.loads(content)).har_data["entries"]
    assert read == entry
    assert report.written["train"] == 1
    request, response = entry["request"], entry["response"]
    path = "v1beta/models/gemini-2.5-pro:generateContent"
    assert request["url"] == f"https://generativelanguage.googleapis.com/{path}?key=[redacted:8f2a11c0]"
    assert request["queryString"] == [{"name": "key", "value": "[redacted:8f2a11c0]"}]
    assert request["postData"] == {"mimeType": "application/json", "text": REQUEST_RAW.decode()}
    assert [each["value"] for each in request["headers"] if each["name"] == "x-trace"] == ["a", "b"]
    assert (response["status"], response["statusText"]) == (200, "OK")
    assert response["content"]["text"] == RESPONSE_RAW.decode()
    assert entry["startedDateTime"] == iso(NOON)
    assert entry["timings"]["wait"] == 800.25


async def test_bytes_are_in_base64(store: Store) -> None:
    """Binary bodies are in Base64."""
    await store.put([make_record(response_raw=b"\xff\x00")])
    content, _ = await export("har", store)
    (entry,) = check(json.loads(content))
    found = entry["response"]["content"]
    assert (base64.b64decode(found["text"]), found["encoding"]) == (b"\xff\x00", "base64")


async def test_no_answer_is_status_0_as_browsers_write_it(store: Store) -> None:
    """An exchange without a response has the status 0."""
    await store.put([make_record(answered=False, outcome="upstream_unreachable", request_duration_ms=None)])
    content, _ = await export("har", store)
    (entry,) = check(json.loads(content))
    assert entry["response"]["status"] == 0
    assert entry["time"] == 0


async def test_a_session_has_its_messages_in_order(store: Store) -> None:
    """A WebSocket session has its messages in order."""
    sent = msgpack.packb([1_000_000, '{"setup":{}}']) + msgpack.packb([3_000_000, b"\x01"])
    received = msgpack.packb([2_000_000, "{}"])
    await store.put(
        [make_record(request_raw=sent, response_raw=received, accumulated={"messages": []}, response={"status": 101})]
    )
    content, _ = await export("har", store)
    (entry,) = check(json.loads(content))
    assert [(each["type"], each["opcode"], each["data"]) for each in entry["_webSocketMessages"]] == [
        ("send", 1, '{"setup":{}}'),
        ("receive", 1, "{}"),
        ("send", 2, "AQ=="),
    ]
    assert entry["_resourceType"] == "websocket"


@pytest.mark.parametrize("number", [0, 3])
async def test_an_archive_of_any_number(store: Store, number: int) -> None:
    """An archive of any number of entries is valid JSON."""
    await store.put([make_record() for _ in range(number)])
    content, _ = await export("har", store)
    assert len(check(json.loads(content))) == number
