"""The interaction: the stored document of one exchange, schema version 1.

The same document is what MongoDB holds, what the JSON API, the CLI and the exporters show, and what the
SQLite store gives back. The first block of :class:`Interaction` keeps the names of the project's
specification; `docs/schema.md` describes every field.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal, NotRequired, TypedDict

from bson import ObjectId

SCHEMA_VERSION: Final = 1

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

Headers = dict[str, str | list[str]]
"""Lower-case header names; the value is a string, or the list of the values where the header was repeated."""

Side = Literal["request", "response"]
"""The two bodies of an exchange."""


class Outcome(StrEnum):
    """How an exchange ended. `COMPLETE` says nothing of the HTTP status: a whole answer with status 500 is complete."""

    COMPLETE = "complete"
    CLIENT_DISCONNECTED = "client_disconnected"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_DISCONNECTED = "upstream_disconnected"
    REFUSED = "refused"
    SHUTDOWN = "shutdown"
    PROXY_ERROR = "proxy_error"
    INTERRUPTED = "interrupted"
    """The capture has no end: the tap died while the exchange was under way."""


class Body(TypedDict):
    """One body. `body` is the JSON value, else text, else bytes; None where there was no body."""

    body: Json | str | bytes
    body_bytes: int
    """Size on the wire, in bytes, before any content-encoding is undone."""
    body_incomplete: NotRequired[str]
    """Why `body` lacks something that the exact bytes have."""
    body_redacted: NotRequired[bool]
    """What `redact_patterns` name was taken out of it: neither `body` nor the exact bytes have that."""
    body_truncated: NotRequired[bool]
    """The body was longer than `capture_max_body`: only its beginning was kept."""
    body_sha256: NotRequired[str]
    """Of a truncated body: the SHA-256 of the whole of it, in hexadecimal."""


class Request(Body):
    """The request as the client sent it, its credentials replaced by `[redacted:FINGERPRINT]`."""

    method: str
    path: str
    """The raw path, without the query."""
    query: str
    """The raw query without `?`; empty where there was none."""
    http_version: str
    headers: Headers


class ChunkTimes(TypedDict):
    """When each piece of a streamed answer arrived: two lists of equal length."""

    at_ms: list[float]
    """Milliseconds since the request was sent upstream."""
    bytes: list[int]
    """The piece's size on the wire."""


class Closing(TypedDict):
    """Which side closed a WebSocket session, and what it said."""

    by: str
    """`client`, `upstream` or `gemtap`."""
    code: int
    """RFC 6455, section 7.4; 1005 where none was said, 1006 where the connection just broke."""
    reason: str


class Response(Body):
    """The response as the client got it. Of a streamed answer `body` is the accumulated whole.

    Of a WebSocket session the bodies are `{"messages": [{"at_ms", "data"}, ...]}`, those of the client in the request,
    those of the upstream in the response, there beside the `turns` that the session amounts to. `at_ms` is in
    milliseconds since the request was sent upstream; `data` is JSON, else text, else `{"base64": "..."}`.
    """

    status: int
    headers: Headers
    chunks: NotRequired[ChunkTimes]
    closing: NotRequired[Closing]
    """Of a WebSocket session."""


class Error(TypedDict):
    """What went wrong, as one line and, where there is more, what the API or the proxy said."""

    message: str
    details: Json


class Timing(TypedDict):
    """Times in milliseconds since the request was sent upstream; None where it never came to that."""

    first_byte_ms: float | None
    first_token_ms: float | None
    chunks: int
    longest_gap_ms: float | None
    output_tokens_per_s: float | None


class Tokens(TypedDict):
    """Token counts, the same for every provider; None where the API did not say.

    `input` includes `cached`; `output` excludes `reasoning`; `total` = input + output + reasoning + tool_use.
    """

    input: int | None
    cached: int | None
    output: int | None
    reasoning: int | None
    tool_use: int | None
    total: int | None


class Context(TypedDict):
    """Where the input tokens come from: estimates that add up to `tokens.input`, see `gemtap.recorder.context`."""

    system: int
    """The system instruction."""
    tools: int
    """The declarations of the tools that the model may call."""
    media: int
    """Images, sounds, videos and documents, inline or by reference."""
    results: int
    """What tools answered, in this turn and in all before: among it the files that an agent reads."""
    history: int
    """Everything else up to the model's last words: what was said and thought, and the calls of tools."""
    new: int
    """What was said after these."""


class Cost(TypedDict):
    """What the exchange cost in US dollars, and which price list says so."""

    usd: float
    source: str


class Client(TypedDict):
    """The program that called."""

    name: str | None
    version: str | None
    user_agent: str | None
    address: str | None
    key: str | None
    """Fingerprint of the credential that was used: the same key gives the same fingerprint, and no way back."""
    user: str | None


class Thread(TypedDict):
    """Where the interaction stands in its conversation."""

    id: ObjectId
    turn: int
    parent: ObjectId | None
    new_messages: int


class Preview(TypedDict):
    """What was asked last and how the answer begins, shortened for lists."""

    prompt: str | None
    answer: str | None


class Interaction(TypedDict):
    """The document."""

    _id: ObjectId
    timestamp: datetime
    """When the request was received (UTC, to the millisecond)."""
    request: Request
    response: Response | None
    """None where the client got no answer."""
    request_duration_ms: float | None
    """From sending upstream to the last byte; None where nothing was sent."""
    generation_settings: Json
    """`generationConfig` as it was sent."""
    usage_metadata: Json
    """Verbatim; of a stream the last one."""
    error: Error | None

    schema_version: int
    provider: str
    operation: str
    model: str | None
    """The model that was asked for."""
    model_version: str | None
    """The model that answered."""
    streaming: bool
    outcome: str
    timing: Timing
    tokens: Tokens
    context: Context | None
    """None where the input tokens are not known, and of what is no conversation."""
    cost: Cost | None
    finish_reason: str | None
    client: Client
    thread: Thread | None
    replay_of: NotRequired[ObjectId]
    """The interaction whose request was sent again, with changes perhaps: see `gemtap.replay`."""
    preview: Preview
    tags: list[str]
    rating: str | None
    note: str | None
    recorded_at: datetime


NO_TOKENS: Final[Tokens] = {
    "input": None,
    "cached": None,
    "output": None,
    "reasoning": None,
    "tool_use": None,
    "total": None,
}


def to_milliseconds(moment: datetime) -> datetime:
    """The moment in UTC, cut to the milliseconds that a BSON date can hold."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and `Z`: how dates are shown wherever the document is JSON."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(document: Mapping[str, Any]) -> dict[str, Json]:
    """A document as plain JSON values.

    Its `_id` is called `id`; ids and dates become strings, bytes become `{"base64": "..."}`.
    """
    return {("id" if key == "_id" else key): _plain(value) for key, value in document.items()}


def _plain(value: Any) -> Json:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case ObjectId():
            return str(value)
        case datetime():
            return iso(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode("ascii")}
        case _:
            return value


def summary(document: Interaction) -> dict[str, Any]:
    """The document without its bodies and chunk times: what lists show."""
    slim: dict[str, Any] = dict(document)
    slim["request"] = {key: item for key, item in document["request"].items() if key != "body"}
    response = document["response"]
    if response is not None:
        slim["response"] = {key: item for key, item in response.items() if key not in ("body", "chunks")}
    return slim
