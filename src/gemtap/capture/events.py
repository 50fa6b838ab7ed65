"""The events of a capture: a sequence of msgpack arrays `[kind, microseconds since the start, ...]`, each followed by
its checksum, the CRC-32 of its bytes.

| kind | then | when |
|---|---|---|
| `request` | a map, see `RequestHead` | the request's head has arrived |
| `request.body` | bytes | a chunk of its body has arrived |
| `request.decoded` | bytes | the same without content-encoding, like all later chunks |
| `reserved` | a map, see `Reserved` | limits have admitted the request; missing if none concern it |
| `response` | a map, see `ResponseHead` | the response's head has arrived, or Gemtap has made one |
| `response.body` | bytes | a chunk of its body has arrived, before it is forwarded to the client |
| `response.decoded` | bytes | the same without content-encoding, like all later chunks |
| `ws.client`, `ws.server` | text or bytes | a whole WebSocket message of one side has arrived, before it is forwarded |
| `end` | a map, see `End` | the exchange is over |

A body is captured decoded from the first chunk from which a credential was removed.

A capture without an `end` was interrupted. Bytes after the last whole event are a torn tail, and are ignored. The
checksums detect one in every case: after a power failure, ext4 may have the new size of a file without its last bytes,
and return zeroes in their place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NotRequired, TypedDict

import msgpack

FORMAT: Final = 2

UNCHECKED_FORMAT: Final = 1
"""The format of pre-releases, without checksums."""

RawHeaders = list[tuple[bytes, bytes]]


class Kind(StrEnum):
    """The kinds of event."""

    REQUEST = "request"
    REQUEST_BODY = "request.body"
    REQUEST_DECODED = "request.decoded"
    RESERVED = "reserved"
    RESPONSE = "response"
    RESPONSE_BODY = "response.body"
    RESPONSE_DECODED = "response.decoded"
    WS_CLIENT = "ws.client"
    WS_SERVER = "ws.server"
    END = "end"


class RequestHead(TypedDict):
    """The request's head as the client sent it, credentials replaced."""

    format: int
    tap: str
    """Gemtap's version."""
    received: float
    """Unix time in seconds."""
    method: str
    path: bytes
    """Raw, as the client sent it."""
    query: bytes
    http_version: str
    headers: RawHeaders
    client: str | None
    """The client's address."""
    key: str | None
    """Fingerprint of the credential."""
    provider: str
    """Name of the provider that matches the path; empty if none does."""
    upstream_path: bytes
    """The path that is sent upstream, without a prefix such as `/gemini`."""
    upstream: str | None
    """Origin of the upstream; None if the request is not forwarded."""
    decoded: NotRequired[bool]
    """Whether the captured body has no content-encoding since another program recorded it decoded."""
    user: NotRequired[str]
    """Whose access key the request had, where access keys are in use."""
    replay_of: NotRequired[str]
    """The original interaction of a replay. Only `gemtap replay` writes this; clients cannot set it."""
    via: NotRequired[Literal["proxy"]]
    """How it came, unless by a base URL."""


class Reserved(TypedDict):
    """What a request has reserved of limits before it was sent (see `gemtap.limits`).

    The recorder settles it, whatever has become of the limits since.
    """

    ledger: str
    """The id of the ledger in which it is counted."""
    limits: list[Reservation]


class Reservation(TypedDict):
    """What it has reserved of one window of a limit."""

    limit: int
    """The limit's id."""
    measure: str
    """`requests`, `tokens` or `cost`. Concurrent requests are given back by the tap, and not in here."""
    start: int
    """When the window starts; Unix time in seconds."""
    ends: int
    """When it ends."""
    amount: int
    """Requests, tokens, or micro-dollars."""


class ResponseHead(TypedDict):
    """The response's head as the client gets it, credentials replaced."""

    status: int
    headers: RawHeaders
    sent: int | None
    """Microseconds from the start to sending upstream; None if nothing was sent before the response."""
    made_here: bool
    """Whether Gemtap made the response, not the upstream."""
    decoded: bool
    """Whether the captured body has no content-encoding since another program recorded it decoded."""


class BodyEnd(TypedDict):
    """Properties of a body, known at its end."""

    bytes: int
    """True size on the wire."""
    sha256: NotRequired[bytes]
    """SHA-256 of the complete body, if it was truncated."""
    redacted: NotRequired[bool]
    """Whether a credential was removed, or may have been in an omitted part."""
    left_out: NotRequired[str]
    """Why a part was omitted: it could not be searched for credentials."""


class Closing(TypedDict):
    """Which side closed a WebSocket, with its code and reason."""

    by: str
    """`client`, `upstream` or `gemtap`."""
    code: int
    """RFC 6455, section 7.4; 1005 if there was none, 1006 if the connection broke."""
    reason: str


class End(TypedDict):
    """How the exchange ended."""

    outcome: str
    details: str | None
    """The cause for people, credentials replaced."""
    sent: int | None
    request: BodyEnd
    response: BodyEnd
    closing: NotRequired[Closing]
    """How a WebSocket session was closed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `at` is in microseconds since the start."""

    kind: str
    at: int
    value: Any


_packer: Final = msgpack.Packer()
"""Shared, since creating a packer takes as long as packing an event."""


_CHECKSUM: Final = 0xCE
"""First of the five bytes of a checksum: the type of a four-byte unsigned integer in msgpack."""


def pack(kind: Kind, at: int, value: Any) -> bytes:
    """One event with its checksum as bytes."""
    packed: bytes = _packer.pack((kind, at, value))
    return packed + (_CHECKSUM << 32 | zlib.crc32(packed)).to_bytes(5, "big")


_FED_AT_ONCE: Final = 2**20


def read_events(capture: bytes) -> Iterator[Event]:
    """The whole events of a capture, in order. Ignores a torn tail and everything after a fault."""
    view = memoryview(capture)
    checked = True
    items = _items(capture)
    for item, start, end in items:
        match item:
            case [str() as kind, int() as at, value]:
                event = Event(kind, at, value)
            case _:
                return
        if start == 0 and kind == Kind.REQUEST and isinstance(value, dict):
            checked = value.get("format") != UNCHECKED_FORMAT
        if checked:
            checksum, *_ = next(items, (None,))
            if checksum != zlib.crc32(view[start:end]):
                return
        yield event


def _items(capture: bytes) -> Iterator[tuple[Any, int, int]]:
    """The msgpack items of the capture, each with the offsets of its start and end."""
    unpacker = msgpack.Unpacker(
        # The unpacker allocates this much at once, by default a megabyte, and grows as needed.
        read_size=4096,
        max_buffer_size=0,
        max_bin_len=2**31 - 1,
        max_str_len=2**31 - 1,
        max_array_len=2**16,
        max_map_len=2**16,
    )
    fed, start = 0, 0
    while True:
        try:
            item = unpacker.unpack()
        except msgpack.exceptions.OutOfData:
            if fed >= len(capture):
                return  # the ordinary end, or a torn tail
            # In small pieces: the unpacker copies its input, and a capture may hold two bodies of 256 MiB.
            unpacker.feed(capture[fed : fed + _FED_AT_ONCE])
            fed += _FED_AT_ONCE
        except (msgpack.exceptions.UnpackException, ValueError):
            return  # bytes that are no msgpack
        else:
            # Within an incomplete item, `tell` returns how far the unpacker has read.
            end = unpacker.tell()
            yield item, start, end
            start = end
