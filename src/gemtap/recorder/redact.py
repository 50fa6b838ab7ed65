"""The second stage of recording: bodies without what `redact_patterns` and `redact_known_secrets` name, parsed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from gemtap.body import ParsedBody, parse_body, serialise
from gemtap.capture.events import Event
from gemtap.dialects.base import Message
from gemtap.encodings import Decoded
from gemtap.interaction import Json
from gemtap.known_secrets import KnownSecrets
from gemtap.re2_patterns import Pattern
from gemtap.recorder.captured import Exchange
from gemtap.recorder.decode import DecodedBody, decode_bodies
from gemtap.recorder.sessions import ReadMessage, bytes_of, message_of, sent_by
from gemtap.settings import Settings

Parse = Callable[[bytes], ParsedBody]
"""What `gemtap.body.parse_body` does."""

_MARK: Final = b"[redacted]"

WITHHELD: Final = "what was redacted had come in pieces: the pieces are withheld"


class Redactor:
    """Replaces what the patterns match by `[redacted]`. Where a pattern has groups, what these match is replaced."""

    def __init__(self, patterns: Sequence[str], known_secrets: bool = False) -> None:
        """With `known_secrets`, keys of well-known services too. Raises ValueError for what is no pattern."""
        self._expressions = tuple(patterns)
        self._known_secrets = known_secrets
        self._patterns: list[Pattern | KnownSecrets] = [Pattern(pattern) for pattern in patterns]
        if known_secrets:
            self._patterns.append(KnownSecrets())

    def __reduce__(self) -> tuple[type[Redactor], tuple[tuple[str, ...], bool]]:
        return Redactor, (self._expressions, self._known_secrets)

    def body(self, raw: bytes, parse: Parse = parse_body) -> tuple[bytes, ParsedBody]:
        """The bytes without it, and their value.

        The bytes around it stay unchanged, unless JSON escapes hide it: such a value is serialised again.
        """
        found = self._replaced(raw)
        parsed = parse(found)
        if parsed.is_json:
            value = self.value(parsed.value)
            if value != parsed.value:
                return serialise(value), ParsedBody(value, is_json=True)
        return found, parsed

    def value(self, value: Json) -> Json:
        """A JSON value, each text in it, keys too, without what is to go."""
        match value:
            case str():
                return self._replaced(value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
            case dict():
                return {self.value(key): self.value(item) for key, item in value.items()}
            case list():
                return [self.value(item) for item in value]
            case _:
                return value

    def _replaced(self, text: bytes) -> bytes:
        for pattern in self._patterns:
            text = pattern.replace(text, _MARK)
        return text


def redactor_of(settings: Settings) -> Redactor | None:
    """The redactor of the settings, or None."""
    if not settings.redact_patterns and not settings.redact_known_secrets:
        return None
    return Redactor(settings.redact_patterns, known_secrets=settings.redact_known_secrets)


@dataclass(frozen=True, slots=True)
class RedactedBody:
    """A body as recorded: its bytes and their value."""

    decoded: Decoded
    parsed: ParsedBody
    wire_bytes: int
    """Number of bytes that were kept of it, as they went over the wire."""
    is_changed: bool = False
    """Whether text was taken out."""

    @property
    def raw(self) -> bytes:
        """The exact bytes, with the content-encoding undone."""
        return self.decoded.body

    @property
    def json(self) -> Json:
        """The value if it is JSON, or None."""
        return self.parsed.value if self.parsed.is_json else None


def withheld(body: RedactedBody) -> RedactedBody:
    """Nothing of the body but its size."""
    decoded, parsed = replace(body.decoded, body=b""), ParsedBody(None, incomplete=WITHHELD)
    return replace(body, decoded=decoded, parsed=parsed, is_changed=True)


@dataclass(frozen=True, slots=True)
class RedactedExchange:
    """Both bodies, and the messages that they were made of if it is a WebSocket session."""

    request: RedactedBody
    response: RedactedBody
    messages: tuple[Message, ...] = ()


def redact(exchange: Exchange, redactor: Redactor | None, parse_request: Parse = parse_body) -> RedactedExchange:
    """The bodies of an exchange, decoded, redacted and parsed: that of an HTTP request by `parse_request`."""
    if exchange.is_session:
        return _redacted_session(exchange, redactor)
    bodies = decode_bodies(exchange)
    return RedactedExchange(_redacted(bodies.request, redactor, parse_request), _redacted(bodies.response, redactor))


def _redacted(body: DecodedBody, redactor: Redactor | None, parse: Parse = parse_body) -> RedactedBody:
    decoded = body.decoded
    if redactor is None:
        return RedactedBody(decoded, parse(decoded.body), body.wire_bytes)
    raw, parsed = redactor.body(decoded.body, parse)
    if raw == decoded.body:
        return RedactedBody(decoded, parsed, body.wire_bytes)
    return RedactedBody(replace(decoded, body=raw), parsed, body.wire_bytes, is_changed=True)


def _redacted_session(exchange: Exchange, redactor: Redactor | None) -> RedactedExchange:
    messages = [_redacted_message(event, redactor) for event in exchange.ws_events]
    changed = {
        message.side for message, event in zip(messages, exchange.ws_events, strict=True) if message.event is not event
    }

    def body_of(side: Literal["client", "server"]) -> RedactedBody:
        sent = sent_by(side, messages, exchange.sent or 0)
        parsed = ParsedBody({"messages": sent.messages}, is_json=True, incomplete=sent.incomplete)
        return RedactedBody(Decoded(sent.raw, []), parsed, sent.size, is_changed=side in changed)

    return RedactedExchange(body_of("client"), body_of("server"), tuple(map(message_of, messages)))


def _redacted_message(event: Event, redactor: Redactor | None) -> ReadMessage:
    sent = bytes_of(event.value)
    if redactor is None:
        return ReadMessage(event, parse_body(sent))
    raw, parsed = redactor.body(sent)
    if raw == sent:
        return ReadMessage(event, parsed)
    return ReadMessage(replace(event, value=raw.decode("utf-8") if isinstance(event.value, str) else raw), parsed)
