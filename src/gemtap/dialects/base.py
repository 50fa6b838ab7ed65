"""Input and output of a dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, Self, runtime_checkable

from gemtap.conversation.model import Conversation, Media
from gemtap.dialects.batch_results import Result, summarise
from gemtap.dialects.cut_rules import Rule
from gemtap.interaction import NO_PREVIEW, NO_TOKENS, Error, Json, Preview, Tokens

UNKNOWN_OPERATION: Final = "unknown"
"""The operation of a path that no provider knows."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a WebSocket session."""

    side: Literal["client", "server"]
    """Who sent it."""
    at: int
    """Microseconds since the request was received."""
    data: str | bytes
    json: Json
    """The parsed message; None if it is no JSON. The Live API sends JSON in binary messages too."""


@dataclass(frozen=True, slots=True)
class RawExchange:
    """One exchange as sent over the wire, without content-encodings and credentials."""

    method: str
    path: str
    """The raw path that went to the upstream: a prefix such as `/gemini` is off."""
    query: str
    request_headers: Mapping[str, str]
    """Lower-case names; of a repeated header the first value."""
    request_raw: bytes
    request_json: Json
    """The parsed request body; None if it is empty or not JSON.

    It must not be changed: what a later request has in common with it, it has as the same objects.
    """
    status: int | None
    """None if there was no response."""
    response_headers: Mapping[str, str]
    response_raw: bytes
    """The whole response; all frames of a stream."""
    response_json: Json
    """The parsed response; None if it is empty or not one JSON value."""
    response_whole: bool = True
    """Whether the response is complete: False if it broke off, or if only its beginning was captured."""
    messages: Sequence[Message] = ()
    """The messages of a WebSocket session, from both sides, in the order of their arrival."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is read out of an exchange."""

    operation: str
    model: str | None = None
    model_version: str | None = None
    streaming: bool = False
    generation_settings: Json = None
    usage_metadata: Json = None
    tokens: Tokens = field(default_factory=NO_TOKENS.copy)
    finish_reason: str | None = None
    error: Error | None = None
    """What the API itself reported: an error body, an error inside a stream, a blocked prompt."""
    accumulated: Json = None
    """The single response that the frames of a stream add up to, in the shape of the API's answer without
    streaming; an object for a WebSocket session. None if the answer is not a stream."""
    first_token_end: int | None = None
    """Offset in `response_raw` just past the first frame with content; None if there is none."""
    first_token_at: int | None = None
    """The same of a WebSocket session: when the message arrived, in microseconds since the request was received."""
    reasoning_streamed: bool = False
    """Whether reasoning is part of the streamed content, and so of what its speed is measured by."""
    preview: Preview = field(default_factory=NO_PREVIEW.copy)
    """What lists show if the exchange is no conversation; that of a conversation is made of the conversation."""

    @classmethod
    def of_results(cls, operation: str, results: Iterable[Result]) -> Self:
        """What the results of a batch say together."""
        found = summarise(results)
        return cls(
            operation=operation,
            model_version=found.model_version,
            usage_metadata=found.counts,
            tokens=found.tokens,
            error=found.error,
        )


class Dialect(Protocol):
    """A shape of requests and answers. A bug in here costs fields of an interaction, never the interaction."""

    @property
    def cut_points(self) -> Mapping[bytes, Rule]:
        """Where its bodies are cut, see `gemtap.dialects.cut_points`. Empty: stores keep each body in one piece."""
        ...

    @property
    def good_endings(self) -> frozenset[str]:
        """Finish reasons of complete answers."""
        ...

    @property
    def withheld_endings(self) -> frozenset[str]:
        """Finish reasons with which the API withholds an answer, or what is left of it."""
        ...

    @property
    def truncated_endings(self) -> frozenset[str]:
        """Finish reasons of answers that have reached a limit."""
        ...

    @property
    def settings_at(self) -> Sequence[tuple[str, ...]]:
        """Where request bodies may have the generation settings, as paths. `()` is the body itself."""
        ...

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange; `model` is what its path names. Whatever the bytes are, read what can be read."""
        ...

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """The conversation of the two bodies of a stored document; None where the operation has none.

        Either body may be None, or of any other shape.
        """
        ...

    def media_tokens(self, usage: Json) -> int | None:
        """Number of input tokens for media, as counted by the API; None if it did not count them."""
        ...

    def priced_apart(self, usage: Json) -> Mapping[str, int]:
        """Tokens that have prices of their own, by the name that genai-prices has for them."""
        ...


@runtime_checkable
class SessionDialect(Protocol):
    """A dialect of sessions whose media come in many messages, and are not in the conversation."""

    def session_medium(self, request: Json, response: Json, number: int) -> Media | None:
        """The medium with this number among those of the conversation without data and address, put together.

        The bodies are those of a stored document. None where they do not have it.
        """
        ...


class BatchDialect(Protocol):
    """A dialect with operations that return the results of a batch."""

    def results(self, operation: str, response: Json | bytes) -> Iterable[Result] | None:
        """The results in a response: its bytes, or its value in a stored document. None where it has none."""
        ...
