"""From a capture to the interaction: the events of one exchange put together into one document."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypeVar

from bson import ObjectId

from gemtap.body import ParsedBody, storable
from gemtap.capture.events import BodyEnd, Kind, RequestHead
from gemtap.dialects.base import UNKNOWN_OPERATION, Parsed, RawExchange
from gemtap.dialects.rest_paths import answers_with_file
from gemtap.encodings import Decoded
from gemtap.interaction import (
    SCHEMA_VERSION,
    Body,
    ChunkTimes,
    Client,
    Context,
    Cost,
    Error,
    Interaction,
    Json,
    Outcome,
    Preview,
    Request,
    Response,
    Side,
    Timing,
    to_milliseconds,
)
from gemtap.providers.base import ExchangeParser
from gemtap.providers.clients import identify
from gemtap.providers.documents import conversation_of, cost_of, dialect_of
from gemtap.recorder.captured import (
    DecodedBody,
    Exchange,
    first_values,
    headers_of,
    is_cut,
    open_body,
    open_messages,
    read_capture,
    text_of,
    values_of,
)
from gemtap.recorder.context import context_of
from gemtap.recorder.redact import Redactor, redacted_answer, redacted_body, redacted_message, withheld
from gemtap.recorder.sessions import closing_error, open_session, pack_message
from gemtap.stores.base import Record

_log = logging.getLogger(__name__)

INTERRUPTED: Final = "Gemtap ended while this exchange was under way: what had arrived by then is here."

_PLACEHOLDER: Final = b"[redacted:"

UNPARSED: Final = "Gemtap could not parse this exchange; its exact bytes are kept"
"""The error's message where a provider's parser failed."""


def assemble(
    capture: bytes,
    *,
    id: ObjectId,
    recorded_at: datetime,
    providers: Mapping[str, ExchangeParser],
    redactor: Redactor | None = None,
) -> Record:
    """The record of a capture.

    Whatever the exchange's bodies are, it is recorded: a provider that fails on them costs the fields that it would
    have read. Raises CaptureUnreadable where not even the request's head is there.
    """
    exchange = read_capture(capture)
    request, response = _open_bodies(exchange, redactor)
    parsed, parser_fault = _parse(exchange, request, response, providers)
    if redactor is not None and (redacted := redacted_answer(parsed, redactor)) is not None:
        parsed, response = redacted, withheld(response)
        request = withheld(request) if exchange.is_session else request
    document = _document(exchange, request, response, parsed, parser_fault, id, recorded_at)
    return Record(
        document={**document, "context": _context(document), "cost": _cost(document)},
        request_raw=request.decoded.body,
        response_raw=response.decoded.body,
        accumulated=parsed.accumulated is not None,
        parsed=_parsed_sides(exchange, parsed),
    )


def assemble_plainly(capture: bytes, *, id: ObjectId, recorded_at: datetime, why: str) -> Record:
    """The record of a capture whose bodies are not read, for the reason given: they are kept as they came.

    Raises CaptureUnreadable.
    """
    exchange = read_capture(capture)
    sides = (exchange.request_pieces, exchange.response_pieces)
    if exchange.is_session:
        sides = tuple(  # type: ignore[assignment]  # two of them
            [(event.at, pack_message(event)) for event in exchange.ws_events if event.kind == kind]
            for kind in (Kind.WS_CLIENT, Kind.WS_SERVER)
        )
    request, response = (
        DecodedBody(
            Decoded(b"".join(piece for _, piece in pieces), []),
            ParsedBody(None, incomplete=f"not read, since {why}"),
            sum(len(piece) for _, piece in pieces),
        )
        for pieces in sides
    )
    fault: Error = {"message": UNPARSED, "details": why}
    document = _document(exchange, request, response, Parsed(operation=UNKNOWN_OPERATION), fault, id, recorded_at)
    return Record(document, request.decoded.body, response.decoded.body, accumulated=False)


def _open_bodies(exchange: Exchange, redactor: Redactor | None) -> tuple[DecodedBody, DecodedBody]:
    """Both bodies, decoded, without what is to be redacted."""
    if exchange.is_session:
        return _open_session(exchange, redactor)
    head = exchange.request
    request = open_body(
        head["headers"],
        exchange.request_pieces,
        decoded=head.get("decoded", False),
        decoded_from=exchange.request_decoded_from,
    )
    response = open_body(
        exchange.response_headers,
        exchange.response_pieces,
        decoded=exchange.response_is_decoded,
        decoded_from=exchange.response_decoded_from,
    )
    if redactor is None:
        return request, response
    return redacted_body(request, redactor), redacted_body(response, redactor)


def _open_session(exchange: Exchange, redactor: Redactor | None) -> tuple[DecodedBody, DecodedBody]:
    events, redacted = exchange.ws_events, set[str]()
    if redactor is not None:
        events = [replace(event, value=redacted_message(event.value, redactor)) for event in exchange.ws_events]
        redacted = {new.kind for new, old in zip(events, exchange.ws_events, strict=True) if new.value != old.value}
    exchange.session = open_session(events, exchange.sent or 0)
    return (
        open_messages(exchange.session.client, redacted=Kind.WS_CLIENT in redacted),
        open_messages(exchange.session.server, redacted=Kind.WS_SERVER in redacted),
    )


def _parsed_sides(exchange: Exchange, parsed: Parsed) -> frozenset[Side]:
    if exchange.is_session:
        return frozenset()
    return frozenset({"request"} if parsed.accumulated is not None else {"request", "response"})


def _parse(
    exchange: Exchange, request: DecodedBody, response: DecodedBody, providers: Mapping[str, ExchangeParser]
) -> tuple[Parsed, Error | None]:
    """What the provider reads out of the exchange, and how it failed, if it did."""
    provider = providers.get(exchange.request["provider"])
    if provider is None:
        return Parsed(operation=UNKNOWN_OPERATION), None
    status = exchange.response["status"] if exchange.response is not None else None
    # The JSON of a file is none of the API's, whatever it says of errors and tokens.
    is_file = status == 200 and _answers_with_file(exchange)
    raw = RawExchange(
        method=exchange.request["method"],
        path=text_of(exchange.request["upstream_path"]),
        query=text_of(exchange.request["query"]),
        request_headers=first_values(exchange.request["headers"]),
        request_raw=request.decoded.body,
        request_json=request.parsed.value if request.parsed.is_json else None,
        status=status,
        response_headers=first_values(exchange.response_headers),
        response_raw=response.decoded.body,
        response_json=response.parsed.value if response.parsed.is_json and not is_file else None,
        response_whole=exchange.response_is_whole(),
        messages=exchange.session.messages if exchange.session is not None else (),
    )
    try:
        return _storable(provider.parse(raw)), None
    except Exception as exc:
        # Its bytes are safe, and everything that needs no parsing is recorded.
        _log.exception("The %s provider cannot parse %s %s", provider.name, raw.method, raw.path)
        return Parsed(operation=UNKNOWN_OPERATION), {
            "message": UNPARSED,
            "details": "it takes more memory than there is"
            if isinstance(exc, MemoryError)
            else f"{type(exc).__name__}: {exc}",
        }


def _storable(parsed: Parsed) -> Parsed:
    """The parsed fields without values that a document cannot hold. The accumulated answer is handled with the body."""
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


_LONGEST_TEXT: Final = 10_000
_LARGEST_VALUE: Final = 2**18
"""Characters of a text, and of a value as JSON, beside the bodies: lists read these of hundreds of documents."""


def _kept(value: Json) -> Json:
    if isinstance(value, str):
        # The rest of a text with a lone surrogate is still worth reading.
        return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
    kept = storable(value)[0]
    if isinstance(kept, dict | list) and len(json.dumps(kept)) > _LARGEST_VALUE:
        return None  # it stands in the body
    return kept


def _document(
    exchange: Exchange,
    request: DecodedBody,
    response: DecodedBody,
    parsed: Parsed,
    parser_fault: Error | None,
    id_: ObjectId,
    recorded_at: datetime,
) -> Interaction:
    head = exchange.request
    timestamp = to_milliseconds(datetime.fromtimestamp(head["received"], UTC))
    document: Interaction = {
        "_id": id_,
        "timestamp": timestamp,
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
        "context": None,
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
    if "replay_of" in head:
        document["replay_of"] = ObjectId(head["replay_of"])
    return document


def _context(document: Interaction) -> Context | None:
    """Where its input tokens come from; None where its conversation cannot be read: it is recorded all the same."""
    try:
        conversation, dialect = conversation_of(document), dialect_of(document)
        if conversation is None or dialect is None:
            return None
        return context_of(conversation, document["tokens"], dialect.media_tokens(document["usage_metadata"]))
    except Exception:
        _log.exception("The context of %s cannot be told", document["_id"])
        return None


def _cost(document: Interaction) -> Cost | None:
    """What it cost; None where that is not known, or the provider fails: it is recorded all the same."""
    try:
        return cost_of(document)
    except Exception:
        _log.exception("The %s provider cannot price %s", document["provider"], document["_id"])
        return None


def _request(exchange: Exchange, body: DecodedBody) -> Request:
    head = exchange.request
    return {
        "method": head["method"],
        "path": text_of(head["path"]),
        "query": text_of(head["query"]),
        "http_version": head["http_version"],
        "headers": headers_of(head["headers"]),
        **_body(body, exchange.end["request"] if exchange.end else None),
    }


def _response(exchange: Exchange, body: DecodedBody, parsed: Parsed) -> Response:
    assert exchange.response is not None
    response: Response = {
        "status": exchange.response["status"],
        "headers": headers_of(exchange.response["headers"]),
        **_body(  # type: ignore[typeddict-item]  # mypy: a Body may hold a `chunks` that is not declared
            body, exchange.end["response"] if exchange.end else None
        ),
    }
    if parsed.accumulated is not None:
        accumulated, left_out = storable(parsed.accumulated)
        messages = body.parsed.value if exchange.is_session else None
        response["body"] = {**accumulated, **messages} if isinstance(messages, dict) else accumulated
        if left_out:
            said = response.get("body_incomplete")
            response["body_incomplete"] = "; ".join(dict.fromkeys([*(said.split("; ") if said else ()), *left_out]))
    if exchange.is_session:
        if exchange.end is not None and "closing" in exchange.end:
            response["closing"] = exchange.end["closing"]
    elif parsed.streaming:
        response["chunks"] = _chunks(exchange)
    return response


def _body(body: DecodedBody, end: BodyEnd | None) -> Body:
    found: Body = {"body": body.parsed.value, "body_bytes": end["bytes"] if end is not None else body.kept}
    left_out = end.get("left_out") if end is not None else None
    incomplete = "; ".join(filter(None, (left_out or body.decoded.fault, body.parsed.incomplete)))
    if incomplete:
        found["body_incomplete"] = incomplete
    # Where the capture does not say how it ended, the placeholder does.
    if body.redacted or (end.get("redacted") if end is not None else _PLACEHOLDER in body.decoded.body):
        found["body_redacted"] = True
    if end is not None and is_cut(end):
        found["body_truncated"] = True
        if "sha256" in end:
            found["body_sha256"] = end["sha256"].hex()
    return found


def _chunks(exchange: Exchange) -> ChunkTimes:
    sent = exchange.sent or 0
    return {
        "at_ms": [_milliseconds(at - sent) for at, _ in exchange.response_pieces],
        "bytes": [len(piece) for _, piece in exchange.response_pieces],
    }


def _error(exchange: Exchange, request: DecodedBody, response: DecodedBody, parsed: Parsed) -> Error | None:
    """What went wrong, the nearest cause first: how the exchange ended, what the API said, what cannot be read."""
    if exchange.outcome != Outcome.COMPLETE:
        return _ending(exchange, parsed)
    status = exchange.response["status"] if exchange.response is not None else 0
    if 300 <= status < 400:
        # A redirect, a cache that is still valid, an upload that goes on. What its body says, Google calls an error.
        return None
    reported = parsed.error or closing_error(exchange.end and exchange.end.get("closing"))
    if reported is not None:
        return reported
    if status >= 400:
        return {"message": f"HTTP status {status}", "details": response.parsed.value}
    end = exchange.end
    faults = [
        _fault("request", request, end and end["request"]),
        None if parsed.streaming else _fault("answer", response, end and end["response"]),
        # A request that the API has taken is good, whatever its bytes are: google-genai sends files as JSON.
        None if parsed.streaming or _answers_with_file(exchange) else _no_json(exchange, response),
    ]
    message = "; ".join(filter(None, faults))
    return {"message": message, "details": None} if message else None


def _answers_with_file(exchange: Exchange) -> bool:
    head = exchange.request
    return answers_with_file(head["method"], text_of(head["upstream_path"]), text_of(head["query"]))


def _fault(name: str, body: DecodedBody, end: BodyEnd | None) -> str | None:
    """Why a body cannot be read. One that was cut short by `capture_max_body` says so elsewhere."""
    if end is not None and "left_out" in end:
        return f"The {name}'s body is not kept whole: {end['left_out']}"
    if body.decoded.fault is not None:
        return f"The {name}'s body cannot be decoded: {body.decoded.fault}"
    return None


def _no_json(exchange: Exchange, answer: DecodedBody) -> str | None:
    """That an answer is not the JSON that it is declared to be."""
    end = exchange.end
    declared = any(_names_json(value) for value in values_of(exchange.response_headers, b"content-type"))
    readable = answer.parsed.is_json or answer.parsed.incomplete is not None or not answer.decoded.body
    if declared and not readable and not answer.decoded.fault and not (end and is_cut(end["response"])):
        return "The answer's body is not valid JSON"
    return None


def _names_json(content_type: str) -> bool:
    """Whether it is one JSON value; files of one value a line (`application/jsonl`) are not."""
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))


def _ending(exchange: Exchange, parsed: Parsed) -> Error:
    message = (exchange.end and exchange.end["details"]) or _ENDINGS.get(exchange.outcome, exchange.outcome)
    return {"message": message, "details": dict(parsed.error) if parsed.error is not None else None}


_ENDINGS: Final[Mapping[str, str]] = {
    Outcome.CLIENT_DISCONNECTED: "The client went away before the answer was whole.",
    Outcome.INTERRUPTED: INTERRUPTED,
}
"""What is said where the tap gave no details."""


def _timing(exchange: Exchange, response: DecodedBody, parsed: Parsed) -> Timing:
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
    headers = first_values(head["headers"])
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
