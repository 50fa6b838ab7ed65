"""The last stage of recording: the document of an exchange that is read."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from bson import ObjectId

from gemtap.addresses import origin_of
from gemtap.capture.events import BodyEnd, RequestHead, Reservation
from gemtap.interaction import (
    SCHEMA_VERSION,
    Body,
    Client,
    Context,
    Interaction,
    Request,
    Reserved,
    Response,
    ToolUse,
    to_milliseconds,
)
from gemtap.providers.clients import identify
from gemtap.providers.documents import cost_of
from gemtap.recorder.captured import Exchange, first_values, head_text, headers_of, is_cut
from gemtap.recorder.context import context_of
from gemtap.recorder.problems import problem_of
from gemtap.recorder.read import Reading
from gemtap.recorder.redact import RedactedBody
from gemtap.recorder.timing import chunk_times, since_sent, timing_of
from gemtap.recorder.tool_use import tool_use_of

_log = logging.getLogger(__name__)

_PLACEHOLDER: Final = b"[redacted:"


def document_of(exchange: Exchange, reading: Reading, id_: ObjectId, recorded_at: datetime) -> Interaction:
    """The document. It has no place in a thread yet."""
    head, parsed = exchange.request, reading.parsed
    document: Interaction = {
        "_id": id_,
        "timestamp": to_milliseconds(datetime.fromtimestamp(head["received"], UTC)),
        "request": _request(exchange, reading),
        "response": _response(exchange, reading),
        "request_duration_ms": since_sent(exchange.last_at, exchange),
        "generation_settings": parsed.generation_settings,
        "usage_metadata": parsed.usage_metadata,
        "error": problem_of(exchange, reading),
        "schema_version": SCHEMA_VERSION,
        "provider": head["provider"] or "unknown",
        "operation": parsed.operation,
        "model": parsed.model,
        "model_version": parsed.model_version,
        "streaming": parsed.streaming,
        "outcome": str(exchange.outcome),
        "timing": timing_of(exchange, reading),
        "tokens": parsed.tokens,
        "context": _context(reading, id_),
        "cost": None,
        "finish_reason": parsed.finish_reason,
        "client": _client(head),
        "thread": None,
        "preview": reading.preview,
        "tags": [],
        "rating": None,
        "note": None,
        "recorded_at": to_milliseconds(recorded_at),
        "upstream": origin_of(head["upstream"] or ""),
    }
    if "replay_of" in head:
        document["replay_of"] = ObjectId(head["replay_of"])
    if exchange.reserved is not None:
        ledger = exchange.reserved["ledger"]
        document["reserved"] = [_reserved(ledger, each) for each in exchange.reserved["limits"]]
    tool_use = _tool_use(reading, id_)
    if tool_use is not None:
        document["tool_use"] = tool_use
    document["cost"] = cost_of(document)
    return document


def _reserved(ledger: str, reservation: Reservation) -> Reserved:
    return {
        "ledger": ledger,
        "limit": reservation["limit"],
        "measure": reservation["measure"],
        "start": datetime.fromtimestamp(reservation["start"], UTC),
        "ends": datetime.fromtimestamp(reservation["ends"], UTC),
        "amount": reservation["amount"],
    }


def _request(exchange: Exchange, reading: Reading) -> Request:
    head = exchange.request
    request: Request = {
        "method": head["method"],
        "path": head_text(head["path"]),
        "query": head_text(head["query"]),
        "http_version": head["http_version"],
        "headers": headers_of(head["headers"]),
        **_body(  # type: ignore[typeddict-item]  # mypy: a Body may hold a `via` that is not declared
            reading.request, exchange.end["request"] if exchange.end else None
        ),
    }
    if "via" in head:
        request["via"] = head["via"]
    return request


def _response(exchange: Exchange, reading: Reading) -> Response | None:
    if exchange.response is None:
        return None
    response: Response = {
        "status": exchange.response["status"],
        "headers": headers_of(exchange.response["headers"]),
        **_body(  # type: ignore[typeddict-item]  # mypy: a Body may hold a `chunks` that is not declared
            reading.response, exchange.end["response"] if exchange.end else None
        ),
    }
    response["body"] = reading.answer
    if reading.left_out:
        reasons = response.get("body_incomplete", "").split("; ")
        response["body_incomplete"] = "; ".join(dict.fromkeys([*filter(None, reasons), *reading.left_out]))
    if exchange.is_session:
        if exchange.end is not None and "closing" in exchange.end:
            response["closing"] = exchange.end["closing"]
    elif reading.parsed.streaming:
        response["chunks"] = chunk_times(exchange)
    return response


def _body(body: RedactedBody, end: BodyEnd | None) -> Body:
    found: Body = {"body": body.parsed.value, "body_bytes": end["bytes"] if end is not None else body.wire_bytes}
    left_out = end.get("left_out") if end is not None else None
    incomplete = "; ".join(filter(None, (left_out or body.decoded.fault, body.parsed.incomplete)))
    if incomplete:
        found["body_incomplete"] = incomplete
    # If the capture has no end, search for the placeholder.
    if body.is_changed or (end.get("redacted") if end is not None else _PLACEHOLDER in body.raw):
        found["body_redacted"] = True
    if end is not None and is_cut(end):
        found["body_truncated"] = True
        if "sha256" in end:
            found["body_sha256"] = end["sha256"].hex()
    return found


def _client(head: RequestHead) -> Client:
    headers = first_values(head["headers"])
    caller = identify(headers)
    return {
        "name": caller.name,
        "version": caller.version,
        "user_agent": headers.get("user-agent"),
        "address": head["client"],
        "key": head["key"],
        "user": head.get("user"),
    }


def _tool_use(reading: Reading, id_: ObjectId) -> ToolUse | None:
    """The tools that it uses; None if there are none or reading them fails, which must not prevent recording."""
    if reading.conversation is None:
        return None
    try:
        return tool_use_of(reading.conversation)
    except Exception:
        _log.exception("The tools of %s cannot be read", id_)
        return None


def _context(reading: Reading, id_: ObjectId) -> Context | None:
    """The origins of input tokens; None if they are unknown or the estimate fails, which must not prevent recording."""
    if reading.conversation is None or reading.dialect is None:
        return None
    try:
        media_tokens = reading.dialect.media_tokens(reading.parsed.usage_metadata)
        return context_of(reading.conversation, reading.parsed.tokens, media_tokens)
    except Exception:
        _log.exception("The context of %s cannot be told", id_)
        return None
