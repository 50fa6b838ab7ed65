"""The third stage of recording: what a provider's dialect reads out of the bodies, and what was said in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from gemtap.body import storable
from gemtap.conversation import Conversation
from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import UNKNOWN_OPERATION, Dialect, Message, Parsed, RawExchange
from gemtap.interaction import Error, Json, Preview
from gemtap.providers.base import ExchangeParser
from gemtap.providers.documents import find_dialect
from gemtap.recorder.captured import Exchange, first_values, head_text
from gemtap.recorder.redact import RedactedBody, RedactedExchange, Redactor, withheld

_log = logging.getLogger(__name__)

UNPARSED: Final = "Gemtap could not parse this exchange; its exact bytes are kept"
"""The error's message where a provider's parser failed."""

_LONGEST_TEXT: Final = 10_000
_LARGEST_VALUE: Final = 2**18
"""Characters of a text, and of a value as JSON, beside the bodies: lists read these of hundreds of documents."""

_Fields = TypeVar("_Fields", Error, Preview)


@dataclass(frozen=True, slots=True)
class Reading:
    """An exchange that is read. What its dialect could not read is as in a new `Parsed`."""

    request: RedactedBody
    response: RedactedBody
    messages: tuple[Message, ...] = ()
    """Those of a WebSocket session."""
    parsed: Parsed = field(default_factory=lambda: Parsed(UNKNOWN_OPERATION))
    answer: Json | str | bytes = None
    """The value of the response: of a stream what it adds up to, of a session its messages and turns."""
    left_out: tuple[str, ...] = ()
    """Why `answer` lacks something of what a stream adds up to."""
    dialect: Dialect | None = None
    conversation: Conversation | None = None
    """What was said; None if it is no conversation, or cannot be read."""
    fault: Error | None = None
    """Why the provider could not read the exchange."""

    @property
    def preview(self) -> Preview:
        """That of the conversation, or else what the dialect shows."""
        return self.parsed.preview if self.conversation is None else preview_of(self.conversation)


def read(
    exchange: Exchange,
    bodies: RedactedExchange,
    providers: Mapping[str, ExchangeParser],
    redactor: Redactor | None = None,
) -> Reading:
    """Read an exchange. Whatever fails costs what would have been read, and is logged."""
    parsed, fault = _parsed(exchange, bodies, providers)
    reading = Reading(bodies.request, bodies.response, bodies.messages, parsed, fault=fault)
    if redactor is not None:
        reading = _without_pieces(exchange, reading, redactor)
    return _with_conversation(exchange, _with_answer(exchange, reading))


def _parsed(
    exchange: Exchange, bodies: RedactedExchange, providers: Mapping[str, ExchangeParser]
) -> tuple[Parsed, Error | None]:
    """What the provider reads out of the exchange, and how it failed, if it did."""
    provider = providers.get(exchange.request["provider"])
    if provider is None:
        return Parsed(UNKNOWN_OPERATION), None
    # The JSON of a file is not the API's, even if it has errors and tokens.
    is_file = exchange.status == 200 and exchange.asks_for_file
    raw = RawExchange(
        method=exchange.request["method"],
        path=head_text(exchange.request["upstream_path"]),
        query=head_text(exchange.request["query"]),
        request_headers=first_values(exchange.request["headers"]),
        request_raw=bodies.request.raw,
        request_json=bodies.request.json,
        status=exchange.status,
        response_headers=first_values(exchange.response_headers),
        response_raw=bodies.response.raw,
        response_json=None if is_file else bodies.response.json,
        response_whole=exchange.response_is_whole(),
        messages=bodies.messages,
    )
    try:
        return _storable(provider.parse(raw)), None
    except Exception as exc:
        # Its bytes are safe, and everything that needs no parsing is recorded.
        _log.exception("The %s provider cannot parse %s %s", provider.name, raw.method, raw.path)
        too_much = isinstance(exc, MemoryError)
        details = "it takes more memory than there is" if too_much else f"{type(exc).__name__}: {exc}"
        return Parsed(UNKNOWN_OPERATION), {"message": UNPARSED, "details": details}


def _storable(parsed: Parsed) -> Parsed:
    """The parsed fields without values that a document cannot hold. The accumulated answer is handled with the body."""
    names = ("model", "model_version", "generation_settings", "usage_metadata", "finish_reason")
    return replace(
        parsed,
        **{name: _kept(getattr(parsed, name)) for name in names},
        error=_each_kept(parsed.error) if parsed.error is not None else None,
        preview=_each_kept(parsed.preview),
    )


def _each_kept(fields: _Fields) -> _Fields:
    return {name: _kept(value) for name, value in fields.items()}  # type: ignore[return-value]  # the same names


def _kept(value: Json) -> Json:
    if isinstance(value, str):
        # The rest of a text with a lone surrogate is still worth reading.
        return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
    kept = storable(value)[0]
    if isinstance(kept, dict | list) and len(json.dumps(kept)) > _LARGEST_VALUE:
        return None  # it is in the body
    return kept


def _without_pieces(exchange: Exchange, reading: Reading, redactor: Redactor) -> Reading:
    """The reading without secrets that came in pieces, none of which shows them."""
    accumulated = redactor.value(reading.parsed.accumulated)
    if accumulated == reading.parsed.accumulated:
        return reading
    # What a dialect shows of the answer may end within it.
    preview = Preview(prompt=reading.parsed.preview["prompt"], answer=None)
    return replace(
        reading,
        parsed=replace(reading.parsed, accumulated=accumulated, preview=preview),
        request=withheld(reading.request) if exchange.is_session else reading.request,
        response=withheld(reading.response),
    )


def _with_answer(exchange: Exchange, reading: Reading) -> Reading:
    value = reading.response.parsed.value
    if reading.parsed.accumulated is None:
        return replace(reading, answer=value)
    accumulated, left_out = storable(reading.parsed.accumulated)
    messages = value if exchange.is_session and isinstance(value, dict) else {}
    answer = {**accumulated, **messages} if messages else accumulated
    return replace(reading, answer=answer, left_out=tuple(left_out))


def _with_conversation(exchange: Exchange, reading: Reading) -> Reading:
    operation = reading.parsed.operation
    try:
        dialect = find_dialect(exchange.request["provider"], operation, is_session=exchange.is_session)
        if dialect is None:
            return reading
        conversation = dialect.conversation(operation, reading.request.parsed.value, reading.answer)
    except Exception:
        _log.exception("The conversation of %s %s cannot be read", exchange.request["method"], operation)
        return reading
    return replace(reading, dialect=dialect, conversation=conversation)
