"""From a capture to the interaction: the events of one exchange put together into one document."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypeVar

from bson import ObjectId

from gemtap.body import ParsedBody, parse_body, storable
from gemtap.capture.events import FORMAT, BodyEnd, End, Event, Kind, RawHeaders, RequestHead, ResponseHead, read_events
from gemtap.encodings import Decoded, decode
from gemtap.interaction import (
    SCHEMA_VERSION,
    Body,
    ChunkTimes,
    Client,
    Error,
    Headers,
    Interaction,
    Json,
    Outcome,
    Preview,
    Request,
    Response,
    Timing,
    to_milliseconds,
)
from gemtap.providers.base import UNKNOWN_OPERATION, Parsed, Provider, RawExchange
from gemtap.providers.clients import identify
from gemtap.recorder.sessions import SentMessages, Session, closing_error, open_session
from gemtap.stores.base import Record

_log = logging.getLogger(__name__)

INTERRUPTED: Final = "Gemtap ended while this exchange was under way: what had arrived by then is here."


class CaptureUnreadable(Exception):
    """The capture holds no exchange. The message says why."""


def assemble(capture: bytes, *, id: ObjectId, recorded_at: datetime, providers: Mapping[str, Provider]) -> Record:
    """The record of a capture.

    Whatever the exchange's bodies are, it is recorded: a provider that fails on them costs the fields that it would
    have read. Raises CaptureUnreadable where not even the request's head is there.
    """
    exchange = _read(capture)
    if exchange.is_session:
        exchange.session = open_session(exchange.ws_events, exchange.sent or 0)
        request, response = _open_messages(exchange.session.client), _open_messages(exchange.session.server)
    else:
        request = _open(exchange.request["headers"], exchange.request_pieces, decoded=False)
        response = _open(exchange.response_headers, exchange.response_pieces, decoded=exchange.response_is_decoded)
    parsed, parser_fault = _parse(exchange, request, response, providers)
    return Record(
        document=_document(exchange, request, response, parsed, parser_fault, id, recorded_at),
        request_raw=request.decoded.body,
        response_raw=response.decoded.body,
        accumulated=parsed.accumulated is not None,
    )


@dataclass(slots=True)
class _Exchange:
    """The events of a capture, sorted."""

    request: RequestHead
    response: ResponseHead | None = None
    response_at: int | None = None
    end: End | None = None
    last_at: int = 0
    request_pieces: list[tuple[int, bytes]] = field(default_factory=list)
    response_pieces: list[tuple[int, bytes]] = field(default_factory=list)
    ws_events: list[Event] = field(default_factory=list)
    session: Session | None = None

    @property
    def is_session(self) -> bool:
        """A WebSocket that came about; a handshake that was refused has an ordinary answer."""
        return self.response is not None and self.response["status"] == 101

    @property
    def outcome(self) -> str:
        return self.end["outcome"] if self.end is not None else Outcome.INTERRUPTED

    @property
    def sent(self) -> int | None:
        """Microseconds to sending upstream."""
        if self.end is not None:
            return self.end["sent"]
        return self.response["sent"] if self.response is not None else None

    @property
    def response_headers(self) -> RawHeaders:
        return self.response["headers"] if self.response is not None else []

    @property
    def response_is_decoded(self) -> bool:
        return self.response is not None and self.response["decoded"]

    def response_is_whole(self) -> bool:
        return self.outcome == Outcome.COMPLETE and not (self.end and "sha256" in self.end["response"])


def _read(capture: bytes) -> _Exchange:
    events = read_events(capture)
    first = next(events, None)
    if first is None:
        raise CaptureUnreadable("it is empty, or torn before its first event was whole")
    if first.kind != Kind.REQUEST or not isinstance(first.value, dict):
        raise CaptureUnreadable(f"it begins with {first.kind!r} and not with a request")
    if first.value.get("format") != FORMAT:
        raise CaptureUnreadable(f"its format is {first.value.get('format')!r}: this Gemtap reads format {FORMAT}")
    exchange = _Exchange(request=first.value)  # type: ignore[arg-type]  # what the tap of this format has written
    for event in events:
        exchange.last_at = event.at
        match event.kind:
            case Kind.REQUEST_BODY:
                exchange.request_pieces.append((event.at, event.value))
            case Kind.RESPONSE:
                exchange.response, exchange.response_at = event.value, event.at
            case Kind.RESPONSE_BODY:
                exchange.response_pieces.append((event.at, event.value))
            case Kind.WS_CLIENT | Kind.WS_SERVER:
                exchange.ws_events.append(event)
            case Kind.END:
                exchange.end = event.value
    return exchange


@dataclass(frozen=True, slots=True)
class _OpenBody:
    """A body with its content-encoding undone, and its value."""

    decoded: Decoded
    parsed: ParsedBody
    kept: int
    """How much of it was kept, in bytes on the wire."""


def _open(headers: RawHeaders, pieces: Sequence[tuple[int, bytes]], *, decoded: bool) -> _OpenBody:
    encoding = "" if decoded else ",".join(_values(headers, b"content-encoding"))
    opened = decode(pieces, encoding)
    return _OpenBody(opened, parse_body(opened.body), sum(len(piece) for _, piece in pieces))


def _open_messages(sent: SentMessages) -> _OpenBody:
    parsed = ParsedBody({"messages": sent.messages}, is_json=True, incomplete=sent.incomplete)
    return _OpenBody(Decoded(sent.raw, []), parsed, sent.size)


def _parse(
    exchange: _Exchange, request: _OpenBody, response: _OpenBody, providers: Mapping[str, Provider]
) -> tuple[Parsed, Error | None]:
    """What the provider reads out of the exchange, and how it failed, if it did."""
    provider = providers.get(exchange.request["provider"])
    if provider is None:
        return Parsed(operation=UNKNOWN_OPERATION), None
    raw = RawExchange(
        method=exchange.request["method"],
        path=_text(exchange.request["upstream_path"]),
        query=_text(exchange.request["query"]),
        request_headers=_first_values(exchange.request["headers"]),
        request_raw=request.decoded.body,
        request_json=request.parsed.value if request.parsed.is_json else None,
        status=exchange.response["status"] if exchange.response is not None else None,
        response_headers=_first_values(exchange.response_headers),
        response_raw=response.decoded.body,
        response_json=response.parsed.value if response.parsed.is_json else None,
        response_whole=exchange.response_is_whole(),
        messages=exchange.session.messages if exchange.session is not None else (),
    )
    try:
        return _storable(provider.parse(raw)), None
    except Exception as exc:
        # Its bytes are safe, and everything that needs no parsing is recorded.
        _log.exception("The %s provider cannot parse %s %s", provider.name, raw.method, raw.path)
        return Parsed(operation=UNKNOWN_OPERATION), {
            "message": "Gemtap could not parse this exchange; its exact bytes are kept",
            "details": f"{type(exc).__name__}: {exc}",
        }


def _storable(parsed: Parsed) -> Parsed:
    """What was parsed without what a document cannot hold. Of the accumulated answer the body itself tells what."""
    names = ("model", "model_version", "generation_settings", "usage_metadata", "finish_reason")
    return replace(
        parsed,
        **{name: _kept(getattr(parsed, name)) for name in names},
        error=_each_kept(parsed.error) if parsed.error is not None else None,
        preview=_each_kept(parsed.preview),
    )


_Fields = TypeVar("_Fields", Error, Preview)


def _each_kept(fields: _Fields) -> _Fields:
    return {name: _kept(value) for name, value in fields.items()}  # type: ignore[return-value]  # the same names


def _kept(value: Json) -> Json:
    # Of a text with a lone surrogate the rest is still worth reading.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else storable(value)[0]


def _document(
    exchange: _Exchange,
    request: _OpenBody,
    response: _OpenBody,
    parsed: Parsed,
    parser_fault: Error | None,
    id_: ObjectId,
    recorded_at: datetime,
) -> Interaction:
    head = exchange.request
    return {
        "_id": id_,
        "timestamp": to_milliseconds(datetime.fromtimestamp(head["received"], UTC)),
        "request": _request(exchange, request),
        "response": _response(exchange, response, parsed) if exchange.response is not None else None,
        "request_duration_ms": _since_sent(exchange.last_at, exchange.sent),
        "generation_settings": parsed.generation_settings,
        "usage_metadata": parsed.usage_metadata,
        "error": parser_fault or _error(exchange, request, response, parsed),
        "schema_version": SCHEMA_VERSION,
        "provider": head["provider"] or "unknown",
        "operation": parsed.operation,
        "model": parsed.model,
        "model_version": parsed.model_version,
        "streaming": parsed.streaming,
        "outcome": str(exchange.outcome),
        "timing": _timing(exchange, response, parsed),
        "tokens": parsed.tokens,
        "cost": None,
        "finish_reason": parsed.finish_reason,
        "client": _client(head),
        "thread": None,
        "preview": parsed.preview,
        "tags": [],
        "rating": None,
        "note": None,
        "recorded_at": to_milliseconds(recorded_at),
    }


def _request(exchange: _Exchange, body: _OpenBody) -> Request:
    head = exchange.request
    return {
        "method": head["method"],
        "path": _text(head["path"]),
        "query": _text(head["query"]),
        "http_version": head["http_version"],
        "headers": _headers(head["headers"]),
        **_body(body, exchange.end["request"] if exchange.end else None),
    }


def _response(exchange: _Exchange, body: _OpenBody, parsed: Parsed) -> Response:
    assert exchange.response is not None
    response: Response = {
        "status": exchange.response["status"],
        "headers": _headers(exchange.response["headers"]),
        **_body(  # type: ignore[typeddict-item]  # mypy: a Body may hold a `chunks` that is not declared
            body, exchange.end["response"] if exchange.end else None
        ),
    }
    if parsed.accumulated is not None:
        accumulated, left_out = storable(parsed.accumulated)
        session = exchange.session
        response["body"] = accumulated if session is None else {**accumulated, "messages": session.server.messages}
        if left_out:
            said = response.get("body_incomplete")
            response["body_incomplete"] = "; ".join(dict.fromkeys([*(said.split("; ") if said else ()), *left_out]))
    if exchange.is_session:
        if exchange.end is not None and "closing" in exchange.end:
            response["closing"] = exchange.end["closing"]
    elif parsed.streaming:
        response["chunks"] = _chunks(exchange)
    return response


def _body(body: _OpenBody, end: BodyEnd | None) -> Body:
    found: Body = {"body": body.parsed.value, "body_bytes": end["bytes"] if end is not None else body.kept}
    incomplete = "; ".join(filter(None, (body.decoded.fault, body.parsed.incomplete)))
    if incomplete:
        found["body_incomplete"] = incomplete
    if end is not None and "sha256" in end:
        found["body_truncated"] = True
        found["body_sha256"] = end["sha256"].hex()
    return found


def _chunks(exchange: _Exchange) -> ChunkTimes:
    sent = exchange.sent or 0
    return {
        "at_ms": [_milliseconds(at - sent) for at, _ in exchange.response_pieces],
        "bytes": [len(piece) for _, piece in exchange.response_pieces],
    }


def _error(exchange: _Exchange, request: _OpenBody, response: _OpenBody, parsed: Parsed) -> Error | None:
    """What went wrong, the nearest cause first: how the exchange ended, what the API said, what cannot be read."""
    if exchange.outcome != Outcome.COMPLETE:
        return _ending(exchange, parsed)
    reported = parsed.error or closing_error(exchange.end and exchange.end.get("closing"))
    if reported is not None:
        return reported
    if exchange.response is not None and exchange.response["status"] >= 400:
        return {"message": f"HTTP status {exchange.response['status']}", "details": response.parsed.value}
    end = exchange.end
    faults = [
        _fault("request", request, exchange.request["headers"], end and end["request"]),
        None if parsed.streaming else _fault("answer", response, exchange.response_headers, end and end["response"]),
    ]
    message = "; ".join(filter(None, faults))
    return {"message": message, "details": None} if message else None


def _fault(name: str, body: _OpenBody, headers: RawHeaders, end: BodyEnd | None) -> str | None:
    """Why a body cannot be read. One that was cut short by `capture_max_body` says so elsewhere."""
    if body.decoded.fault is not None:
        return f"The {name}'s body cannot be decoded: {body.decoded.fault}"
    declared = any("json" in value.lower() for value in _values(headers, b"content-type"))
    readable = body.parsed.is_json or body.parsed.incomplete is not None or not body.decoded.body
    if declared and not readable and not (end and "sha256" in end):
        return f"The {name}'s body is not valid JSON"
    return None


def _ending(exchange: _Exchange, parsed: Parsed) -> Error:
    message = (exchange.end and exchange.end["details"]) or _ENDINGS.get(exchange.outcome, exchange.outcome)
    return {"message": message, "details": dict(parsed.error) if parsed.error is not None else None}


_ENDINGS: Final[Mapping[str, str]] = {
    Outcome.CLIENT_DISCONNECTED: "The client went away before the answer was whole.",
    Outcome.INTERRUPTED: INTERRUPTED,
}
"""What is said where the tap gave no details."""


def _timing(exchange: _Exchange, response: _OpenBody, parsed: Parsed) -> Timing:
    session = exchange.session
    first_token = parsed.first_token_at
    if parsed.first_token_end is not None:
        first_token = response.decoded.at(parsed.first_token_end)
    times = session.server.times if session is not None else [at for at, _ in exchange.response_pieces]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return {
        "first_byte_ms": _since_sent(exchange.response_at, exchange.sent),
        "first_token_ms": _since_sent(first_token, exchange.sent),
        "chunks": len(times),
        "longest_gap_ms": _milliseconds(max(gaps)) if gaps else None,
        # In a session there are pauses in which people speak.
        "output_tokens_per_s": None
        if session is not None
        else _speed(parsed, first_token, times[-1] if times else None),
    }


def _speed(parsed: Parsed, first_token: int | None, last: int | None) -> float | None:
    """Tokens a second between the first token's arrival and the last; None where the answer came at once."""
    tokens = parsed.tokens["output"]
    if tokens is not None and parsed.reasoning_streamed:
        tokens += parsed.tokens["reasoning"] or 0
    if not tokens or first_token is None or last is None or last <= first_token:
        return None
    return round(tokens / ((last - first_token) / 1e6), 2)


def _client(head: RequestHead) -> Client:
    headers = _first_values(head["headers"])
    caller = identify(headers)
    return {
        "name": caller.name,
        "version": caller.version,
        "user_agent": headers.get("user-agent"),
        "address": head["client"],
        "key": head["key"],
        "user": None,
    }


def _since_sent(at: int | None, sent: int | None) -> float | None:
    return None if at is None or sent is None else _milliseconds(at - sent)


def _milliseconds(microseconds: int) -> float:
    return microseconds / 1000


def _text(raw: bytes) -> str:
    """Bytes of a head as text: UTF-8 where they are that, else every byte a character, so that none is lost."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _headers(headers: RawHeaders) -> Headers:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(_text(name).lower(), []).append(_text(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _first_values(headers: RawHeaders) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(_text(name).lower(), _text(value))
    return found


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [_text(value) for name, value in headers if name.lower() == wanted]
