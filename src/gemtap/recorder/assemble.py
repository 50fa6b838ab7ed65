"""From a capture to a record. The data passes four stages once, downwards: decode, redact, read, document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bson import ObjectId

from gemtap.body import ParsedBody, parse_body
from gemtap.conversation import Conversation
from gemtap.encodings import Decoded
from gemtap.interaction import Side
from gemtap.providers.base import ExchangeParser
from gemtap.recorder.captured import Exchange, read_capture
from gemtap.recorder.document import document_of
from gemtap.recorder.read import UNPARSED, Reading, read
from gemtap.recorder.redact import Parse, RedactedBody, Redactor, redact
from gemtap.stores.base import Record


@dataclass(frozen=True, slots=True)
class Assembled:
    """A record, and what was said in the exchange: threads and the search text are made of it."""

    record: Record
    conversation: Conversation | None


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
    return assemble_read(capture, id, recorded_at, providers, redactor).record


def assemble_read(
    capture: bytes,
    id_: ObjectId,
    recorded_at: datetime,
    providers: Mapping[str, ExchangeParser],
    redactor: Redactor | None,
    parse_request: Parse = parse_body,
) -> Assembled:
    """The same, with the conversation that was read on the way. `parse_request` does what `parse_body` does."""
    exchange = read_capture(capture)
    bodies = redact(exchange, redactor, parse_request)
    reading = read(exchange, bodies, providers, redactor)
    return Assembled(_record(exchange, reading, id_, recorded_at), reading.conversation)


def assemble_plainly(capture: bytes, *, id: ObjectId, recorded_at: datetime, why: str) -> Record:
    """The record of a capture whose bodies are not read, for the reason given: they are kept as they came.

    Raises CaptureUnreadable.
    """
    exchange = read_capture(capture)
    request, response = (
        RedactedBody(
            Decoded(b"".join(piece for _, piece in pieces), []),
            ParsedBody(None, incomplete=f"not read, since {why}"),
            sum(len(piece) for _, piece in pieces),
        )
        for pieces in (exchange.client_pieces, exchange.upstream_pieces)
    )
    reading = Reading(request, response, fault={"message": UNPARSED, "details": why})
    # Parsing these bytes gives another value than none.
    return replace(_record(exchange, reading, id, recorded_at), parsed=frozenset())


def _record(exchange: Exchange, reading: Reading, id_: ObjectId, recorded_at: datetime) -> Record:
    return Record(
        document=document_of(exchange, reading, id_, recorded_at),
        request_raw=reading.request.raw,
        response_raw=reading.response.raw,
        accumulated=reading.parsed.accumulated is not None,
        parsed=_parsed_sides(exchange, reading),
        request_cuts=reading.request.parsed.cuts,
        request_gives_back=reading.request.parsed.gives_back,
    )


def _parsed_sides(exchange: Exchange, reading: Reading) -> frozenset[Side]:
    """The sides whose value equals the parsed bytes."""
    if exchange.is_session:
        return frozenset()
    return frozenset({"request"} if reading.parsed.accumulated is not None else {"request", "response"})
