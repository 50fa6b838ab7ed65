"""A capture read: the events of one exchange sorted, its bodies with their content-encoding undone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gemtap.body import ParsedBody, parse_body
from gemtap.capture.events import (
    FORMAT,
    UNCHECKED_FORMAT,
    BodyEnd,
    End,
    Event,
    Kind,
    RawHeaders,
    RequestHead,
    ResponseHead,
    read_events,
)
from gemtap.encodings import Decoded, decode, decode_beginning
from gemtap.interaction import Headers, Outcome
from gemtap.recorder.sessions import SentMessages, Session


class CaptureUnreadable(Exception):
    """The capture holds no exchange. The message says why."""


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
    ws_events: list[Event] = field(default_factory=list)
    session: Session | None = None

    @property
    def is_session(self) -> bool:
        """A WebSocket that came about; a handshake that was refused has an ordinary answer."""
        return self.response is not None and self.response["status"] == 101

    @property
    def outcome(self) -> str:
        """How it ended, `interrupted` where the capture does not say."""
        return self.end["outcome"] if self.end is not None else Outcome.INTERRUPTED

    @property
    def sent(self) -> int | None:
        """Microseconds to sending upstream."""
        if self.end is not None:
            return self.end["sent"]
        return self.response["sent"] if self.response is not None else None

    @property
    def response_headers(self) -> RawHeaders:
        """Those of the answer; none where there was none."""
        return self.response["headers"] if self.response is not None else []

    @property
    def response_is_decoded(self) -> bool:
        """Whether the tap has undone the content-encoding already."""
        return self.response is not None and self.response["decoded"]

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


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """A body with its content-encoding undone, and its value."""

    decoded: Decoded
    parsed: ParsedBody
    kept: int
    """How much of it was kept, in bytes on the wire."""
    redacted: bool = False
    """Text was taken out of it, see `gemtap.recorder.redact`."""


def open_body(
    headers: RawHeaders, pieces: Sequence[tuple[int, bytes]], *, decoded: bool, decoded_from: int = sys.maxsize
) -> DecodedBody:
    """The body that these pieces make up.

    `decoded` says that its content-encoding is already undone; `decoded_from`, from which piece on it is.
    """
    encoding = "" if decoded or decoded_from == 0 else ",".join(values_of(headers, b"content-encoding"))
    if decoded_from < len(pieces):
        opened, rest = decode_beginning(pieces[:decoded_from], encoding), decode(pieces[decoded_from:], "")
        before = len(opened.body)
        ends = [*opened.ends, *((before + end, at) for end, at in rest.ends)]
        opened = Decoded(opened.body + rest.body, ends, opened.fault)
    else:
        opened = decode(pieces, encoding)
    return DecodedBody(opened, parse_body(opened.body), sum(len(piece) for _, piece in pieces))


def open_messages(sent: SentMessages, *, redacted: bool = False) -> DecodedBody:
    """What one side of a WebSocket sent, as a body."""
    parsed = ParsedBody({"messages": sent.messages}, is_json=True, incomplete=sent.incomplete)
    return DecodedBody(Decoded(sent.raw, []), parsed, sent.size, redacted)


def text_of(raw: bytes) -> str:
    """Bytes of a head as text: UTF-8 where they are that, else every byte a character, so that none is lost."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def headers_of(headers: RawHeaders) -> Headers:
    """Headers as a document has them."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(text_of(name).lower(), []).append(text_of(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def first_values(headers: RawHeaders) -> dict[str, str]:
    """The first value of each header, by its lower-case name."""
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(text_of(name).lower(), text_of(value))
    return found


def values_of(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    """Every value of a header, by its lower-case name."""
    return [text_of(value) for name, value in headers if name.lower() == wanted]
