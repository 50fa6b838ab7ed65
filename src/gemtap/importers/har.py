"""HTTP Archives 1.2, from browsers, from proxies and from Gemtap: http://www.softwareishard.com/blog/har-12-spec/."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from bson import ObjectId

from gemtap.importers import json_parts
from gemtap.importers.base import BadEntry, Entry, ReadExchange, SentMessage
from gemtap.importers.texts import Encoded, encoded
from gemtap.interaction import Outcome
from gemtap.json_access import BadValue, fault_of

_T = TypeVar("_T")

BEGINNING: Final = re.compile(rb'\{\s*"log"\s*:')
"""How a file begins that is one."""

_OWN: Final = re.compile(r"gemtap ([0-9a-f]{24}) ([a-z_]+)")
"""The comment of an entry that Gemtap has exported."""

_BEFORE_SENDING: Final = ("blocked", "dns", "connect")
"""Timings that pass before anything is sent. `ssl` is part of `connect`."""


Attached = Callable[[str], bytes | None]
"""The bytes of a file that an archive of Playwright's names in place of a body. None if it is not there."""


def read(file: IO[bytes], attached: Attached) -> Iterator[Entry]:
    """The entries, one at a time however many there are."""
    number = 0
    for number, part in enumerate(json_parts.parts(file, ("log", "entries")), 1):
        yield Entry(f"entry {number}", BadEntry(part.fault) if part.fault else _read(part.raw, attached))


def _read(raw: bytes, attached: Attached) -> ReadExchange | BadEntry:
    try:
        entry = json_parts.parse(raw)
    except (ValueError, RecursionError) as exc:
        return BadEntry(f"it is not valid JSON ({' '.join(str(exc).split())[:200]})")
    try:
        return _exchange(entry, attached)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        return BadEntry(f"it is not an entry of an HTTP Archive ({fault_of(exc)})")


def _exchange(entry: dict[str, Any], attached: Attached) -> ReadExchange:
    request, response, timings = entry["request"], entry["response"], entry.get("timings") or {}
    received = _parsed(entry["startedDateTime"], datetime.fromisoformat, "startedDateTime is no time")
    received = received.astimezone(UTC) if received.tzinfo else received.replace(tzinfo=UTC)
    url = urlsplit(request["url"])
    before = sum(max(0.0, float(timings.get(name) or 0)) for name in _BEFORE_SENDING)
    wait = max(0.0, float(timings.get("send") or 0)) + max(0.0, float(timings.get("wait") or 0))
    status = _parsed(response["status"], int, "the status of its response is no number")
    is_session = status == 101
    own = _OWN.fullmatch(entry.get("comment") or "")
    content = response.get("content") or {}
    fault = entry.get("_error") or response.get("_error")
    sent = _posted(request.get("postData"), _content_type(request), _size(request.get("bodySize")), attached)
    answered = Encoded(b"")
    if not is_session:
        # Gemtap itself decodes texts as what they are.
        content_type = "" if own else _content_type(response) or content.get("mimeType") or ""
        answered = _bytes(content, content_type, attached)
    return ReadExchange(
        received=received,
        method=str(request["method"]),
        host=url.netloc.rpartition("@")[2],
        # Raw: as it stands in the URL.
        target=(url.path or "/") + (f"?{url.query}" if url.query else ""),
        http_version=_version(request.get("httpVersion")),
        request_headers=_pairs(request["headers"]),
        request=sent.content,
        request_bytes=_size(request.get("bodySize")),
        status=status or None,
        response_headers=_pairs(response["headers"]),
        response=answered.content,
        response_bytes=_size(response.get("bodySize")),
        messages=[_message(each, received.timestamp()) for each in entry.get("_webSocketMessages") or ()],
        first_byte_ms=wait,
        duration_ms=max(0.0, float(entry.get("time") or 0) - before),
        outcome=own[2] if own else _outcome(status, fault),
        details=str(fault) if fault else None,
        id=ObjectId(own[1]) if own else None,
        doubts=[
            f"the {side} {body.doubt}"
            for side, body in (("request", sent), ("response", answered))
            if body.doubt is not None
        ],
    )


def _parsed(value: Any, parse: Callable[[Any], _T], fault: str) -> _T:
    """Raises BadValue."""
    try:
        return parse(value)
    except (TypeError, ValueError) as exc:
        raise BadValue(fault) from exc


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


def _content_type(message: dict[str, Any]) -> str:
    return next((value for name, value in _pairs(message["headers"]) if name.lower() == "content-type"), "")


def _posted(posted: Any, content_type: str, size: int | None, attached: Attached) -> Encoded:
    if not posted:
        return Encoded(b"")
    if posted.get("text") or posted.get("_file"):
        return _bytes({**posted, "size": size}, content_type or posted.get("mimeType") or "", attached)
    return Encoded(urlencode([(each["name"], each.get("value") or "") for each in posted.get("params") or ()]).encode())


def _bytes(content: dict[str, Any], content_type: str, attached: Attached) -> Encoded:
    """The bytes of a body that is described by its `text` and `encoding`, or by `_file`."""
    text = content.get("text")
    if content.get("_file"):
        found = attached(str(content["_file"]))
        missing = "is missing: the archive names a file for it that is not there"
        return Encoded(b"", missing) if found is None else Encoded(found)
    if not text:
        return Encoded(b"")
    if content.get("encoding") != "base64":
        return encoded(str(text), str(content_type), _size(content.get("size")))
    try:
        return Encoded(base64.b64decode(text, validate=True))
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
