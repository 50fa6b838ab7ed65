"""The events of a capture: a sequence of msgpack arrays `[kind, microseconds since the start, ...]`, each followed by
its checksum, the CRC-32 of its bytes.

| kind | then | when |
|---|---|---|
| `request` | a map, see `RequestHead` | the request's head has arrived |
| `request.body` | bytes | a piece of its body has arrived |
| `request.decoded` | bytes | the same, its content-encoding undone, as is that of all that follows |
| `response` | a map, see `ResponseHead` | the answer's head has arrived, or was made here |
| `response.body` | bytes | a piece of its body has arrived, before it goes to the client |
| `response.decoded` | bytes | the same, its content-encoding undone, as is that of all that follows |
| `ws.client`, `ws.server` | text or bytes | a whole message of one side of a WebSocket has arrived, before it goes on |
| `end` | a map, see `End` | the exchange is over |

A body is captured decoded from where a credential had to be taken out of it.

A capture with no `end` was interrupted. Whatever follows the last whole event is a torn tail, and is cut. Without
checksums that would not be known everywhere: ext4 may keep a file's new size and not its last bytes when the power
fails, and give zeroes in their place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NotRequired, TypedDict

import msgpack

FORMAT: Final = 2

UNCHECKED_FORMAT: Final = 1
"""That of pre-releases, whose events have no checksums."""

RawHeaders = list[tuple[bytes, bytes]]


class Kind(StrEnum):
    """The kinds of event."""

    REQUEST = "request"
    REQUEST_BODY = "request.body"
    REQUEST_DECODED = "request.decoded"
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
    """Name of the provider that the path was matched to; empty where none knows it."""
    upstream_path: bytes
    """The path that goes to the upstream: without a prefix such as `/gemini`."""
    upstream: str | None
    """The upstream's origin; None where the request goes nowhere."""
    decoded: NotRequired[bool]
    """The body's content-encoding is already undone in the capture: another program wrote it down so."""
    replay_of: NotRequired[str]
    """The id of the interaction whose request is sent again. Only a replay writes this: no client can say so."""


class ResponseHead(TypedDict):
    """The answer's head as the client gets it, credentials replaced."""

    status: int
    headers: RawHeaders
    sent: int | None
    """Microseconds from the start to sending upstream; None where nothing was sent before the answer."""
    made_here: bool
    """The answer is Gemtap's own, not the upstream's."""
    decoded: bool
    """The body's content-encoding is already undone in the capture: another program wrote it down so."""


class BodyEnd(TypedDict):
    """What is known of a body at the end."""

    bytes: int
    """Its true size on the wire."""
    sha256: NotRequired[bytes]
    """SHA-256 of the complete body, if it was truncated."""
    redacted: NotRequired[bool]
    """A credential was taken out of it, or may have been in what was left out."""
    left_out: NotRequired[str]
    """Why it is not whole: what was left out could not be looked through for credentials."""


class Closing(TypedDict):
    """Which side closed a WebSocket, and what it said."""

    by: str
    """`client`, `upstream` or `gemtap`."""
    code: int
    """RFC 6455, section 7.4; 1005 where none was said, 1006 where the connection just broke."""
    reason: str


class End(TypedDict):
    """How the exchange ended."""

    outcome: str
    details: str | None
    """The cause in words, credentials replaced."""
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
"""One for all: making one costs as much as packing an event."""


_CHECKSUM: Final = 0xCE
"""The first of a checksum's five bytes: msgpack's mark of an unsigned integer of four."""


def pack(kind: Kind, at: int, value: Any) -> bytes:
    """One event with its checksum as bytes."""
    packed: bytes = _packer.pack((kind, at, value))
    return packed + (_CHECKSUM << 32 | zlib.crc32(packed)).to_bytes(5, "big")


_FED_AT_ONCE: Final = 2**20


def read_events(capture: bytes) -> Iterator[Event]:
    """The whole events of a capture, in order. A torn tail, or anything after a fault, is left out."""
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
    """What msgpack finds in the capture, each with the places of its first byte and of the one after its last."""
    unpacker = msgpack.Unpacker(
        # It makes room for this much at once, a megabyte if nothing is said, and more when it is fed more.
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
            # Little by little: it copies what it is fed, and a capture may hold two bodies of 256 MiB.
            unpacker.feed(capture[fed : fed + _FED_AT_ONCE])
            fed += _FED_AT_ONCE
        except (msgpack.exceptions.UnpackException, ValueError):
            return  # bytes that are no msgpack
        else:
            # While an item is not whole it tells how far it has come.
            end = unpacker.tell()
            yield item, start, end
            start = end
