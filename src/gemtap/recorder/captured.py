"""A capture read: the events of one exchange sorted."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgpack

from gemtap.capture.events import (
    FORMAT,
    UNCHECKED_FORMAT,
    BodyEnd,
    End,
    Event,
    Kind,
    RawHeaders,
    RequestHead,
    Reserved,
    ResponseHead,
    read_events,
)
from gemtap.dialects.rest_paths import answers_with_file
from gemtap.interaction import Headers, Outcome


class CaptureUnreadable(Exception):
    """The capture has no exchange. The message says why."""


@dataclass(slots=True)
class Exchange:
    """The events of a capture, sorted."""

    request: RequestHead
    response: ResponseHead | None = None
    response_at: int | None = None
    end: End | None = None
    last_at: int = 0
    request_pieces: list[tuple[int, bytes]] = field(default_factory=list)
    response_pieces: list[tuple[int, bytes]] = field(default_factory=list)
    request_decoded_from: int = sys.maxsize
    response_decoded_from: int = sys.maxsize
    """The first of the pieces whose content-encoding the tap has undone."""
    reserved: Reserved | None = None
    ws_events: list[Event] = field(default_factory=list)

    @property
    def is_session(self) -> bool:
        """A WebSocket that came about; a handshake that was refused has an ordinary answer."""
        return self.response is not None and self.response["status"] == 101

    @property
    def outcome(self) -> str:
        """The outcome; `interrupted` if the capture has none."""
        return self.end["outcome"] if self.end is not None else Outcome.INTERRUPTED

    @property
    def client_pieces(self) -> list[tuple[int, bytes]]:
        """When the pieces of what the client sent arrived, and their bytes; the messages of a session, packed."""
        return self._packed(Kind.WS_CLIENT) if self.is_session else self.request_pieces

    @property
    def upstream_pieces(self) -> list[tuple[int, bytes]]:
        """The same of what the upstream sent."""
        return self._packed(Kind.WS_SERVER) if self.is_session else self.response_pieces

    def _packed(self, kind: Kind) -> list[tuple[int, bytes]]:
        return [(event.at, pack_message(event)) for event in self.ws_events if event.kind == kind]

    @property
    def sent(self) -> int | None:
        """Microseconds to sending upstream."""
        if self.end is not None:
            return self.end["sent"]
        return self.response["sent"] if self.response is not None else None

    @property
    def response_headers(self) -> RawHeaders:
        """The response's headers; empty if there was no response."""
        return self.response["headers"] if self.response is not None else []

    @property
    def response_is_decoded(self) -> bool:
        """Whether the tap has undone the content-encoding already."""
        return self.response is not None and self.response["decoded"]

    @property
    def status(self) -> int | None:
        """The response's status; None if there was no response."""
        return self.response["status"] if self.response is not None else None

    @property
    def asks_for_file(self) -> bool:
        """Whether a good answer is somebody's file and not the API's own words."""
        head = self.request
        return answers_with_file(head["method"], head_text(head["upstream_path"]), head_text(head["query"]))

    def response_is_whole(self) -> bool:
        """Whether the answer is here to its end."""
        return self.outcome == Outcome.COMPLETE and not (self.end and is_cut(self.end["response"]))


def read_capture(capture: bytes) -> Exchange:
    """The exchange of a capture. Raises CaptureUnreadable."""
    events = read_events(capture)
    first = next(events, None)
    if first is None:
        raise CaptureUnreadable("it is empty, or torn before its first event was whole")
    if first.kind != Kind.REQUEST or not isinstance(first.value, dict):
        raise CaptureUnreadable(f"it begins with {first.kind!r} and not with a request")
    if first.value.get("format") not in (FORMAT, UNCHECKED_FORMAT):
        raise CaptureUnreadable(f"its format is {first.value.get('format')!r}: this Gemtap reads format {FORMAT}")
    exchange = Exchange(request=first.value)  # type: ignore[arg-type]  # what the tap of this format has written
    for event in events:
        exchange.last_at = event.at
        match event.kind:
            case Kind.REQUEST_BODY:
                exchange.request_pieces.append((event.at, event.value))
            case Kind.REQUEST_DECODED:
                exchange.request_decoded_from = min(exchange.request_decoded_from, len(exchange.request_pieces))
                exchange.request_pieces.append((event.at, event.value))
            case Kind.RESERVED:
                exchange.reserved = event.value
            case Kind.RESPONSE:
                exchange.response, exchange.response_at = event.value, event.at
            case Kind.RESPONSE_BODY:
                exchange.response_pieces.append((event.at, event.value))
            case Kind.RESPONSE_DECODED:
                exchange.response_decoded_from = min(exchange.response_decoded_from, len(exchange.response_pieces))
                exchange.response_pieces.append((event.at, event.value))
            case Kind.WS_CLIENT | Kind.WS_SERVER:
                exchange.ws_events.append(event)
            case Kind.END:
                exchange.end = event.value
    return exchange


def is_cut(end: BodyEnd) -> bool:
    """Whether not all of a body was kept."""
    return "sha256" in end or "left_out" in end


def pack_message(event: Event) -> bytes:
    """A message of a session as the exact bytes of its side have it: msgpack of `[microseconds, text or bytes]`."""
    packed: bytes = msgpack.packb([event.at, event.value])
    return packed


def head_text(raw: bytes) -> str:
    """Bytes of a head as text: UTF-8 where they are that, else every byte a character, so that none is lost."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def headers_of(headers: RawHeaders) -> Headers:
    """Headers as a document has them."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(head_text(name).lower(), []).append(head_text(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def first_values(headers: RawHeaders) -> dict[str, str]:
    """The first value of each header, by its lower-case name."""
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(head_text(name).lower(), head_text(value))
    return found


def values_of(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    """Every value of a header, by its lower-case name."""
    return [head_text(value) for name, value in headers if name.lower() == wanted]
