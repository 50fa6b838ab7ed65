"""Traces of claude-tap: https://github.com/liaohch3/claude-tap.

A record has a request and its response, with bodies as JSON values: their exact bytes are not in the file. Streams are
stored as claude-tap has joined them; if it has kept the events too (`sse_events`), the stream is made of them again.
`timestamp` is when the response was over.

`claude-tap export` writes a compact trace: one JSON object with all records, and beside them, once each, the larger
instructions, tools and messages. Records have references in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final

from gemtap.addresses import host_of
from gemtap.body import serialise
from gemtap.importers import json_parts
from gemtap.importers.base import BadEntry, Entry, ReadExchange, SentMessage
from gemtap.importers.texts import Encoded, encoded
from gemtap.interaction import Json, Outcome
from gemtap.json_access import fault_of

_TRACE: Final = "__claude_tap_compact_trace__"
_RECORD: Final = "__claude_tap_compact_record__"
_REFERENCE: Final = "__claude_tap_blob_ref__"

COMPACT: Final = re.compile(rb'\{\s*"' + _TRACE.encode() + rb'"\s*:')
"""The beginning of a compact trace."""

_KNOWN: Final = 1
"""The version of traces and of records."""

_OLDER_PLACES: Final = (
    *(("request", "body", name) for name in ("instructions", "tools")),
    *(("response", "body", name) for name in ("instructions", "tools")),
)
_OLDER_LISTS: Final = (("request", "body", "input"), ("request", "body", "messages"))
"""Where references are, or lists of them, in records that do not say where."""


_LINE_END: Final = re.compile(r"\r\n|\r|\n")
"""Line ends of an event stream. U+2028 and others that `str.splitlines` knows are text."""


class _NotKnown(Exception):
    """A record cannot be read. The message says why."""


def read_compact(file: IO[bytes]) -> Iterator[Entry]:
    """The records of a compact trace, one at a time. What they share is in memory, as JSON."""
    start = file.tell()
    for part in json_parts.parts(file, (_TRACE,)):
        if part.name == "version" and part.raw != str(_KNOWN).encode():
            yield Entry("the file", BadEntry(f"the trace is not of version {_KNOWN}, the one that this Gemtap reads"))
            return
    file.seek(start)
    shared = {part.name: part.raw for part in json_parts.parts(file, ("blobs",)) if part.name is not None}
    file.seek(start)
    for number, part in enumerate(json_parts.parts(file, ("records",)), 1):
        yield Entry(f"record {number}", BadEntry(part.fault) if part.fault else _compact(part.raw, shared))


def exchange(record: dict[str, Any]) -> ReadExchange | BadEntry:
    """The exchange of one record."""
    try:
        return _exchange(record)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        return BadEntry(f"it is not a trace of claude-tap ({fault_of(exc)})")


def _compact(raw: bytes, shared: Mapping[str, bytes]) -> ReadExchange | BadEntry:
    try:
        value = json_parts.parse(raw)
        record = _whole(value, shared) if isinstance(value, dict) else None
    except (ValueError, RecursionError) as exc:
        return BadEntry(f"it is not valid JSON ({exc})")
    except _NotKnown as exc:
        return BadEntry(str(exc))
    return exchange(record) if isinstance(record, dict) else BadEntry("it is not a trace of claude-tap")


def _whole(value: dict[str, Any], shared: Mapping[str, bytes]) -> Any:
    """A record with what its references stand for. Raises _NotKnown, ValueError and RecursionError."""
    marker = value.get(_RECORD)
    if not isinstance(marker, dict):
        return value
    if marker.get("version") != _KNOWN:
        raise _NotKnown(f"it is not of version {_KNOWN}, the one that this Gemtap reads")
    record = value.get("record")
    for path in _places(marker.get("refs"), record):
        *way, last = path
        holder: Any = record
        for step in way:
            holder = _item(holder, step)
        reference = _item(holder, last)
        if _is_reference(reference):
            found = _resolved(reference[_REFERENCE]["hash"], shared)
            if isinstance(holder, list):
                holder[int(last)] = found
            else:
                holder[last] = found
    return record


def _places(references: Any, record: Any) -> list[tuple[str, ...]]:
    """Where a record has references. They say so by JSON pointers (RFC 6901)."""
    if references:
        return [
            tuple(step.replace("~1", "/").replace("~0", "~") for step in each["path"].removeprefix("/").split("/"))
            for each in references
            if isinstance(each, dict) and isinstance(each.get("path"), str)
        ]
    places: list[tuple[str, ...]] = list(_OLDER_PLACES)
    for path in _OLDER_LISTS:
        found = record
        for step in path:
            found = _item(found, step)
        if isinstance(found, list):
            places += [(*path, str(number)) for number in range(len(found))]
    return places


def _item(holder: Any, step: str) -> Any:
    if isinstance(holder, list):
        return holder[int(step)] if step.isdecimal() and int(step) < len(holder) else None
    return holder.get(step) if isinstance(holder, dict) else None


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {_REFERENCE}
        and isinstance(value[_REFERENCE], dict)
        and isinstance(value[_REFERENCE].get("hash"), str)
    )


def _resolved(hash_: str, shared: Mapping[str, bytes]) -> Json:
    if hash_ not in shared:
        raise _NotKnown("it refers to a value that is not in the file")
    try:
        found = json_parts.parse(shared[hash_])
    except (ValueError, RecursionError) as exc:
        raise _NotKnown(f"it refers to a value that is no JSON ({exc})") from exc
    if not isinstance(found, dict) or found.get("kind") != "json" or "payload" not in found:
        raise _NotKnown("it refers to a value of a kind that this Gemtap does not know")
    payload: Json = found["payload"]
    return payload


def _exchange(record: dict[str, Any]) -> ReadExchange:
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
    sent, answered = _body(request.get("body")), _body(response.get("body"))
    return ReadExchange(
        received=ended - timedelta(milliseconds=duration),
        method="GET" if is_session else str(request["method"]),
        host=host_of(record.get("upstream_base_url") or ""),
        target=str(request["path"]),
        request_headers=_pairs(request["headers"]),
        request=b"" if is_session else sent.content,
        status=int(response["status"]) if response else None,
        response_headers=headers,
        response=b"" if is_session else _stream(events) or answered.content,
        messages=list(_messages(request, response, duration)) if is_session else (),
        first_byte_ms=None,
        duration_ms=duration,
        outcome=Outcome.COMPLETE if response else Outcome.UPSTREAM_DISCONNECTED,
        details=response["error"] if isinstance(response.get("error"), str) else None,
        doubts=[f"the {side} {body.doubt}" for side, body in (("request", sent), ("response", answered)) if body.doubt],
    )


def _body(body: Any) -> Encoded:
    """The bytes of a body, as compact as JSON.stringify writes it."""
    if isinstance(body, dict) and body.keys() == {"_encoding", "byte_length"}:
        return Encoded(b"", "is missing: claude-tap keeps only the size of bodies of its content type")
    return encoded(body) if isinstance(body, str) else Encoded(serialise(body))


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
        frames.append(name + "".join(f"data: {line}\n" for line in _LINE_END.split(data)) + "\n")
    return encoded("".join(frames)).content


def _messages(request: dict[str, Any], response: dict[str, Any], duration: float) -> Iterator[SentMessage]:
    """Those of the client first: when each was sent is not in a trace."""
    for message in request.get("ws_events") or [request.get("body")]:
        yield SentMessage(by_client=True, at_ms=0, data=_text(message))
    for message in response.get("ws_events") or ():
        yield SentMessage(by_client=False, at_ms=duration, data=_text(message))


def _text(message: Json) -> str:
    raw = message["raw"] if isinstance(message, dict) and message.keys() == {"raw"} else message
    return raw if isinstance(raw, str) else serialise(raw).decode("utf-8")
