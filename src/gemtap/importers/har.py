"""HTTP Archives 1.2, from browsers, from proxies and from Gemtap: http://www.softwareishard.com/blog/har-12-spec/."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any, Final
from urllib.parse import urlencode, urlsplit

import ijson
from bson import ObjectId

from gemtap.importers.base import BadEntry, Entry, ReadExchange, SentMessage
from gemtap.interaction import Outcome
from gemtap.json_access import BadValue, fault_of

_OWN: Final = re.compile(r"gemtap ([0-9a-f]{24}) ([a-z_]+)")
"""The comment of an entry that Gemtap has exported."""

_BEFORE_SENDING: Final = ("blocked", "dns", "connect")
"""Timings that pass before anything is sent. `ssl` is part of `connect`."""


def read(file: IO[bytes]) -> Iterator[Entry]:
    """The entries, one at a time however many there are."""
    number = 0
    try:
        for number, entry in enumerate(ijson.items(file, "log.entries.item", use_float=True), 1):
            yield Entry(f"entry {number}", _read(entry))
    except (ijson.JSONError, UnicodeDecodeError, OverflowError) as exc:
        # The first line says what is wrong; those that follow quote the file.
        why = (str(exc).splitlines() or [""])[0].strip()
        yield Entry(f"after entry {number}", BadEntry(f"the file is no JSON from here on ({why[:100]})"))


def _read(entry: Any) -> ReadExchange | BadEntry:
    try:
        return _exchange(entry)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        return BadEntry(f"it is no entry of an HTTP Archive ({fault_of(exc)})")


def _exchange(entry: dict[str, Any]) -> ReadExchange:
    request, response, timings = entry["request"], entry["response"], entry.get("timings") or {}
    received = datetime.fromisoformat(entry["startedDateTime"])
    received = received.astimezone(UTC) if received.tzinfo else received.replace(tzinfo=UTC)
    url = urlsplit(request["url"])
    before = sum(max(0.0, float(timings.get(name) or 0)) for name in _BEFORE_SENDING)
    wait = max(0.0, float(timings.get("send") or 0)) + max(0.0, float(timings.get("wait") or 0))
    status = int(response["status"])
    is_session = status == 101
    own = _OWN.fullmatch(entry.get("comment") or "")
    content = response.get("content") or {}
    fault = entry.get("_error") or response.get("_error")
    return ReadExchange(
        received=received,
        method=str(request["method"]),
        host=url.netloc.rpartition("@")[2],
        # Raw: as it stands in the URL.
        target=(url.path or "/") + (f"?{url.query}" if url.query else ""),
        http_version=_version(request.get("httpVersion")),
        request_headers=_pairs(request["headers"]),
        request=_posted(request.get("postData")),
        request_bytes=_size(request.get("bodySize")),
        status=status or None,
        response_headers=_pairs(response["headers"]),
        response=b"" if is_session else _bytes(content.get("text"), content.get("encoding")),
        response_bytes=_size(response.get("bodySize")),
        messages=[_message(each, received.timestamp()) for each in entry.get("_webSocketMessages") or ()],
        first_byte_ms=wait,
        duration_ms=max(0.0, float(entry.get("time") or 0) - before),
        outcome=own[2] if own else _outcome(status, fault),
        details=str(fault) if fault else None,
        id=ObjectId(own[1]) if own else None,
    )


def _outcome(status: int, fault: object) -> str:
    if fault and "ABORTED" in str(fault):
        return Outcome.CLIENT_DISCONNECTED
    if status and not fault:
        return Outcome.COMPLETE
    return Outcome.UPSTREAM_DISCONNECTED if status else Outcome.UPSTREAM_UNREACHABLE


def _version(text: Any) -> str:
    """`1.1` of `HTTP/1.1`, `h2` as it is."""
    return str(text or "1.1").upper().removeprefix("HTTP/").lower()


def _pairs(headers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(str(each["name"]), str(each["value"])) for each in headers]


def _posted(posted: Any) -> bytes:
    if not posted:
        return b""
    if posted.get("text"):
        return _bytes(posted["text"], posted.get("encoding"))
    return urlencode([(each["name"], each.get("value") or "") for each in posted.get("params") or ()]).encode()


def _bytes(text: Any, encoding: Any) -> bytes:
    if not text:
        return b""
    if encoding != "base64":
        return str(text).encode("utf-8", "replace")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise BadValue("bytes in it are not in base64") from exc


def _size(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 0 else None


def _message(message: dict[str, Any], started: float) -> SentMessage:
    data = message["data"]
    return SentMessage(
        by_client=message["type"] == "send",
        at_ms=(float(message["time"]) - started) * 1000,
        data=data if message["opcode"] == 1 else base64.b64decode(data),
    )
