"""Flows of mitmproxy as `mitmproxy_script.py` writes them; tests/clients runs it in mitmproxy itself."""

from __future__ import annotations

import base64
import gzip
import io
import json
from datetime import UTC, datetime
from typing import Any

from gemtap.importers.base import BadEntry, Entry, LeftOut, ReadExchange, SentMessage
from gemtap.importers.flows import Flows

BEGAN = 1_773_489_600.0


def message(content: bytes | None, began: float, *headers: tuple[str, str]) -> dict[str, Any]:
    packed = None if content is None else base64.b64encode(content).decode()
    return {
        "http_version": "HTTP/2.0",
        "headers": headers,
        "content": packed,
        "began": began,
        "ended": began + 0.5,
    }


def flow(**fields: Any) -> dict[str, Any]:
    """A flow of a request that was answered."""
    return {
        "type": "http",
        "scheme": "https",
        "host": "generativelanguage.googleapis.com",
        "pretty_host": "generativelanguage.googleapis.com",
        "port": 443,
        "method": "POST",
        "path": "/v1beta/models/gemini-2.5-flash:generateContent",
        "request": message(b"{}", BEGAN, ("x-name", "Z\xc3\xbcrich")),
        "status": 200,
        "response": message(b"{}", BEGAN + 1),
        "error": None,
        "error_at": None,
        "websocket": [],
        "at": 100,
        **fields,
    }


def read(*described: dict[str, Any]) -> list[Entry]:
    return list(Flows(io.BytesIO("".join(json.dumps(each) + "\n" for each in described).encode())).read())


def one(**fields: Any) -> ReadExchange:
    """The exchange of a flow with these fields."""
    (entry,) = read(flow(**fields), {"end": True})
    assert isinstance(entry.content, ReadExchange)
    return entry.content


def test_times_and_heads_of_a_flow() -> None:
    """Times count from the beginning of the request; headers are bytes that are UTF-8."""
    exchange = one()
    assert exchange.received == datetime.fromtimestamp(BEGAN, UTC)
    assert (exchange.first_byte_ms, exchange.duration_ms) == (1000.0, 1500.0)
    assert (exchange.http_version, exchange.outcome, exchange.doubts) == ("2.0", "complete", [])
    assert exchange.request_headers == [("x-name", "Zürich")]


def test_an_encoded_body_is_decoded_and_keeps_its_size() -> None:
    """One that cannot be decoded is stored as it came, and named."""
    packed = gzip.compress(b'{"a": 1}' * 100)
    exchange = one(response=message(packed, BEGAN + 1, ("Content-Encoding", "gzip")))
    assert (exchange.response, exchange.response_bytes) == (b'{"a": 1}' * 100, len(packed))
    broken = one(response=message(b"no gzip", BEGAN + 1, ("content-encoding", "gzip")))
    assert broken.response == b"no gzip"
    assert "the response could not be decoded whole from gzip" in broken.doubts[0]


def test_a_body_that_was_not_kept_is_named() -> None:
    """mitmproxy can pass large bodies on without keeping them."""
    exchange = one(request=message(None, BEGAN))
    assert (exchange.request, exchange.request_bytes) == (b"", None)
    assert "the request is missing" in exchange.doubts[0]


def test_outcomes_of_flows() -> None:
    """mitmproxy says what went wrong in words."""
    assert one(error="Client disconnected.", error_at=BEGAN + 2).outcome == "client_disconnected"
    assert one(error="reset", error_at=BEGAN + 2).outcome == "upstream_disconnected"
    unreachable = one(status=None, response=None, error="refused", error_at=BEGAN + 2)
    assert (unreachable.outcome, unreachable.details) == ("upstream_unreachable", "refused")
    assert (unreachable.duration_ms, unreachable.status) == (2000.0, None)


def test_hosts_of_flows() -> None:
    """A transparent proxy knows the address; the client has named the host."""
    assert one(host="142.250.1.1").host == "generativelanguage.googleapis.com"
    assert one(scheme="http", host="localhost", port=8080).host == "localhost:8080"


def test_a_session_of_a_flow() -> None:
    """Text and bytes, from both sides."""
    sent = [
        {"by_client": True, "at": BEGAN + 1, "is_text": True, "content": base64.b64encode("ü".encode()).decode()},
        {"by_client": False, "at": BEGAN + 2, "is_text": False, "content": base64.b64encode(b"\xff").decode()},
    ]
    exchange = one(status=101, websocket=sent)
    assert exchange.messages == [SentMessage(True, 1000.0, "ü"), SentMessage(False, 2000.0, b"\xff")]


def test_what_is_no_exchange() -> None:
    """Other protocols are left out; what cannot be read is named, also if mitmdump was killed."""
    entries = read({"type": "tcp", "at": 1}, {"fault": "FlowReadException", "at": 2}, {"type": "http", "at": 3}, flow())
    assert [type(entry.content) for entry in entries] == [LeftOut, BadEntry, BadEntry, ReadExchange, BadEntry]
    assert [entry.place for entry in entries[3:]] == ["flow 4", "after flow 4"]
    assert entries[-1].content == BadEntry("mitmdump ended before the file did")
