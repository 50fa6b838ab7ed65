"""Files of JSON lines: Gemtap's own exports, and the traces of claude-tap.

A trace of claude-tap (https://github.com/liaohch3/claude-tap) has a request and its answer a line, with bodies as JSON
values, so that their exact bytes are not to be had. A stream it has put together; where it has kept the events too
(`sse_events`), the stream is written out of them again. `timestamp` is when the answer was over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final
from urllib.parse import urlsplit

from gemtap.body import serialise
from gemtap.importers.base import BadEntry, Entry, Line, ReadExchange, SentMessage
from gemtap.interaction import Json, Outcome
from gemtap.json_access import fault_of

LONGEST_LINE: Final = 2**30
"""Bytes. Two bodies of `capture_max_body` (256 MiB) in Base64 have fewer."""


def read(file: IO[bytes]) -> Iterator[Entry]:
    """The lines, one at a time however long the file is. Empty ones do not count."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(2**20)
            yield Entry(f"line {number}", BadEntry(f"it is longer than {LONGEST_LINE:,} bytes"))
        elif line.strip():
            yield Entry(f"line {number}", _read(line))


def _read(line: bytes) -> ReadExchange | Line | BadEntry:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return BadEntry(f"it is no JSON ({exc})" if line.endswith(b"\n") else f"it is no JSON, cut off perhaps ({exc})")
    match found:
        case {"schema_version": _, "request": {}}:
            return Line(line)
        case {"request": {"path": _}, "timestamp": _, "duration_ms": _}:
            try:
                return _trace(found)
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
                return BadEntry(f"it is no trace of claude-tap ({fault_of(exc)})")
        case _:
            return BadEntry("it is neither an interaction that Gemtap has exported nor a trace of claude-tap")


def _trace(record: dict[str, Any]) -> ReadExchange:
    request: dict[str, Any] = record["request"]
    response: dict[str, Any] = record.get("response") or {}
    ended = datetime.fromisoformat(record["timestamp"])
    ended = ended.astimezone(UTC) if ended.tzinfo else ended.replace(tzinfo=UTC)
    duration = max(0.0, float(record["duration_ms"]))
    is_session = record.get("transport") == "websocket" and response.get("status") == 101
    events = [] if is_session else response.get("sse_events") or []
    headers = _pairs(response.get("headers") or {})
    if not events and not is_session:
        # What is there is the answer put together, not the stream that the header speaks of.
        headers = [(name, _as_json(value) if name.lower() == "content-type" else value) for name, value in headers]
    return ReadExchange(
        received=ended - timedelta(milliseconds=duration),
        method="GET" if is_session else str(request["method"]),
        host=urlsplit(record.get("upstream_base_url") or "").netloc.rpartition("@")[2],
        target=str(request["path"]),
        request_headers=_pairs(request["headers"]),
        request=b"" if is_session else serialise(request.get("body")),
        status=int(response["status"]) if response else None,
        response_headers=headers,
        response=b"" if is_session else _stream(events) or serialise(response.get("body")),
        messages=list(_messages(request, response, duration)) if is_session else (),
        first_byte_ms=None,
        duration_ms=duration,
        outcome=Outcome.COMPLETE if response else Outcome.UPSTREAM_DISCONNECTED,
        details=response["error"] if isinstance(response.get("error"), str) else None,
    )


def _pairs(headers: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in headers.items()]


def _as_json(content_type: str) -> str:
    return "application/json" if content_type.startswith("text/event-stream") else content_type


def _stream(events: list[dict[str, Any]]) -> bytes:
    frames = []
    for event in events:
        # Events without a name are called so: https://html.spec.whatwg.org/multipage/server-sent-events.html
        name = "" if event["event"] == "message" else f"event: {event['event']}\n"
        data = event["data"] if isinstance(event["data"], str) else serialise(event["data"]).decode("utf-8")
        frames.append(name + "".join(f"data: {line}\n" for line in data.splitlines() or [""]) + "\n")
    return "".join(frames).encode("utf-8", "replace")


def _messages(request: dict[str, Any], response: dict[str, Any], duration: float) -> Iterator[SentMessage]:
    """Those of the client first: when each was sent is not in a trace."""
    for message in request.get("ws_events") or [request.get("body")]:
        yield SentMessage(by_client=True, at_ms=0, data=_text(message))
    for message in response.get("ws_events") or ():
        yield SentMessage(by_client=False, at_ms=duration, data=_text(message))


def _text(message: Json) -> str:
    raw = message["raw"] if isinstance(message, dict) and message.keys() == {"raw"} else message
    return raw if isinstance(raw, str) else serialise(raw).decode("utf-8")
