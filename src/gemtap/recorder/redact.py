"""Removes from bodies, before they are stored, what `redact_patterns` and `redact_known_secrets` name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gemtap.body import ParsedBody, parse_body, serialise
from gemtap.dialects.base import Parsed
from gemtap.interaction import Json
from gemtap.known_secrets import KnownSecrets
from gemtap.re2_patterns import Pattern
from gemtap.recorder.captured import DecodedBody
from gemtap.settings import Settings

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

    def raw(self, raw: bytes) -> bytes:
        """The bytes without it, as they stand; and where they are JSON, also without what its escapes hide.

        In the second case they are written anew.
        """
        found = self._replaced(raw)
        parsed = parse_body(found)
        if parsed.is_json:
            value = self.value(parsed.value)
            if value != parsed.value:
                return serialise(value)
        return found

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
    """The redactor that the settings ask for, if they do."""
    if not settings.redact_patterns and not settings.redact_known_secrets:
        return None
    return Redactor(settings.redact_patterns, known_secrets=settings.redact_known_secrets)


def redacted_body(body: DecodedBody, redactor: Redactor) -> DecodedBody:
    """The body without what is to go."""
    raw = redactor.raw(body.decoded.body)
    if raw == body.decoded.body:
        return body
    return replace(body, decoded=replace(body.decoded, body=raw), parsed=parse_body(raw), redacted=True)


def redacted_message(message: str | bytes, redactor: Redactor) -> str | bytes:
    """A message of a session without what is to go."""
    if isinstance(message, bytes):
        return redactor.raw(message)
    return redactor.raw(message.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def redacted_answer(parsed: Parsed, redactor: Redactor) -> Parsed | None:
    """The accumulated answer without what is to go that came in pieces, of which none tells; None where nothing is.

    The preview goes too: it may end within.
    """
    accumulated = redactor.value(parsed.accumulated)
    if accumulated == parsed.accumulated:
        return None
    return replace(parsed, accumulated=accumulated, preview={"prompt": parsed.preview["prompt"], "answer": None})


def withheld(body: DecodedBody) -> DecodedBody:
    """Nothing of the body but its size."""
    decoded = replace(body.decoded, body=b"")
    return replace(body, decoded=decoded, parsed=ParsedBody(None, incomplete=WITHHELD), redacted=True)
