"""The interaction: the stored document of one exchange, schema version 1.

MongoDB holds this document, the SQLite store returns it, and the JSON API, the command line and the exporters show it.
The first block of :class:`Interaction` keeps the names of the project's
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
"""Header names in lower case. The value is a string, or a list of strings if the header was repeated."""

Side = Literal["request", "response"]
"""The two bodies of an exchange."""


class Outcome(StrEnum):
    """How an exchange ended. A complete answer is `COMPLETE` whatever its HTTP status."""

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
    """One body. `body` is a JSON value, else text, else bytes, or None if there was no body."""

    body: Json | str | bytes
    body_bytes: int
    """Size on the wire in bytes, with content-encoding applied."""
    body_incomplete: NotRequired[str]
    """Why `body` differs from the exact bytes."""
    body_redacted: NotRequired[bool]
    """A credential, or what `redact_patterns` or `redact_known_secrets` name, was taken out; of the exact bytes too."""
    body_truncated: NotRequired[bool]
    """Whether only its beginning was stored: it exceeded `capture_max_body`, or might have held credentials."""
    body_sha256: NotRequired[str]
    """SHA-256 of the complete body in hexadecimal, if it was truncated."""


class Request(Body):
    """The request as the client sent it, with credentials replaced by `[redacted:FINGERPRINT]`."""

    method: str
    path: str
    """The raw path, without the query."""
    query: str
    """The raw query without `?`. Empty if there was none."""
    http_version: str
    headers: Headers
    via: NotRequired[str]
    """`proxy` if the client used Gemtap as its HTTP proxy, and not as its base URL."""


class ChunkTimes(TypedDict):
    """Arrival time and size of each chunk of a streamed answer, as two lists of equal length."""

    at_ms: list[float]
    """Milliseconds since the request was sent upstream."""
    bytes: list[int]
    """Size of the chunk on the wire, in bytes."""


class Closing(TypedDict):
    """How a WebSocket session was closed."""

    by: str
    """The side that closed it: `client`, `upstream` or `gemtap`."""
    code: int
    """Close code (RFC 6455, section 7.4): 1005 if none was sent, 1006 if the connection broke."""
    reason: str


class Response(Body):
    """The response as the client received it. For a stream, `body` is the accumulated response.

    The bodies of a WebSocket session are `{"messages": [{"at_ms", "data"}, ...]}`: the client's messages in the
    request, the upstream's in the response, which also has the `turns` of the session. `at_ms` is in milliseconds
    since the request was sent upstream; `data` is JSON, else text, else `{"base64": "..."}`.
    """

    status: int
    headers: Headers
    chunks: NotRequired[ChunkTimes]
    closing: NotRequired[Closing]
    """Only of WebSocket sessions."""


class Error(TypedDict):
    """What went wrong: one line, and the details that the API or the proxy gave."""

    message: str
    details: Json


class Timing(TypedDict):
    """Times in milliseconds since the request was sent upstream, or None if that point was not reached."""

    first_byte_ms: float | None
    first_token_ms: float | None
    chunks: int
    longest_gap_ms: float | None
    output_tokens_per_s: float | None


class Tokens(TypedDict):
    """Token counts in the same form for every provider, or None if the API reported none.

    `input` includes `cached` and `cache_write`; `output` excludes `reasoning`; `total` = input + output + reasoning +
    tool_use. An operation that only creates a cache has `cache_write` and `total`, and no `input`.
    """

    input: int | None
    cached: int | None
    """Read from a cache."""
    cache_write: NotRequired[int | None]
    """Written to a cache. Documents of earlier versions lack it."""
    output: int | None
    reasoning: int | None
    tool_use: int | None
    total: int | None


class Context(TypedDict):
    """Sources of the input tokens, as estimates that add up to `tokens.input` (see `gemtap.recorder.context`)."""

    system: int
    """The system instruction."""
    tools: int
    """The declarations of the tools that the model may call."""
    media: int
    """Images, audio, video and documents, inline or by reference."""
    results: int
    """Results of tools in this turn and all earlier ones, including the files that an agent reads."""
    history: int
    """Everything else up to the model's last message: text, thinking and tool calls."""
    new: int
    """Messages after the model's last message."""


class ToolCalls(TypedDict):
    """Calls of one tool."""

    name: str | None
    """At most 100 characters of it."""
    times: int


class ToolResults(ToolCalls):
    """Results of one tool. `name` is None if the request does not name it."""

    failed: int | None
    """How many of them say that the tool failed; None if the API has no way to say it."""


class ToolUse(TypedDict):
    """The tools that the response calls, and the results that the request adds to the conversation."""

    calls: list[ToolCalls]
    results: list[ToolResults]


class Cost(TypedDict):
    """Cost of the exchange in US dollars, and the price list that it was computed from."""

    usd: float | None
    """None where something is billed whose price is not known: `missing` says why."""
    source: str | None
    missing: NotRequired[str]
    """What is billed and not in `usd`, and why."""
    cache_saved: NotRequired[float]
    """How much more the same tokens would have cost without caches, in US dollars. Negative where writing to a cache
    cost more than reading from it saved. Only if tokens were read from a cache or written to one."""


class Client(TypedDict):
    """The program that sent the request."""

    name: str | None
    version: str | None
    user_agent: str | None
    address: str | None
    key: str | None
    """Keyed hash of the credential: equal for the same key, and not reversible."""
    user: str | None


class Thread(TypedDict):
    """Position of the interaction in its conversation."""

    id: ObjectId
    turn: int
    parent: ObjectId | None
    new_messages: int


class Preview(TypedDict):
    """The last prompt and the beginning of the answer, shortened for lists."""

    prompt: str | None
    answer: str | None


class Reserved(TypedDict):
    """What was reserved of one limit before the request was sent (see `gemtap.limits`)."""

    ledger: str
    """The id of the ledger in which it is counted: a data directory has one."""
    limit: int
    """The limit's id."""
    measure: str
    """`requests`, `tokens` or `cost`."""
    start: datetime
    """When the window of the limit starts."""
    ends: datetime
    """When it ends."""
    amount: int
    """Requests, tokens, or micro-dollars."""


class Interaction(TypedDict):
    """The stored document of one exchange."""

    _id: ObjectId
    timestamp: datetime
    """Time when the request was received (UTC, in milliseconds)."""
    request: Request
    response: Response | None
    """None if the client received no answer."""
    request_duration_ms: float | None
    """Milliseconds from sending upstream to the last byte, or None if nothing was sent."""
    generation_settings: Json
    """`generationConfig` as the client sent it."""
    usage_metadata: Json
    """Verbatim. For a stream, the last one."""
    error: Error | None

    schema_version: int
    provider: str
    operation: str
    model: str | None
    """The requested model."""
    model_version: str | None
    """The model that served the request."""
    streaming: bool
    outcome: str
    timing: Timing
    tokens: Tokens
    context: Context | None
    """None if the input tokens are unknown or the exchange is no conversation."""
    tool_use: NotRequired[ToolUse]
    """Only if tools are called or results are brought. Documents of earlier versions lack it."""
    cost: Cost | None
    finish_reason: str | None
    client: Client
    thread: Thread | None
    upstream: NotRequired[str | None]
    """Scheme, host and port that the request was sent to, without credentials, such as `https://api.openai.com`. None
    if it was not sent, or nobody knows where. Documents of earlier versions lack it."""
    replay_of: NotRequired[ObjectId]
    """Id of the original interaction if this one is a replay (see `gemtap.replay`)."""
    reserved: NotRequired[list[Reserved]]
    """Only if limits have admitted the request."""
    preview: Preview
    tags: list[str]
    rating: str | None
    note: str | None
    recorded_at: datetime


NO_PREVIEW: Final[Preview] = {"prompt": None, "answer": None}

NO_TOKENS: Final[Tokens] = {
    "input": None,
    "cached": None,
    "cache_write": None,
    "output": None,
    "reasoning": None,
    "tool_use": None,
    "total": None,
}


def to_milliseconds(moment: datetime) -> datetime:
    """The moment in UTC, truncated to milliseconds, the precision of a BSON date."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, as in all JSON output."""
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
        case ObjectId() | datetime() | bytes():
            return plain_scalar(value)
        case _:
            return value


def plain_scalar(value: Any) -> Json:
    """A value of a document for which JSON has no type, as `to_json` writes it. Raises TypeError for any other."""
    match value:
        case ObjectId():
            return str(value)
        case datetime():
            return iso(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode("ascii")}
        case _:
            raise TypeError(f"not a value of a document: {type(value).__name__}")


def summary(document: Interaction) -> dict[str, Any]:
    """The document without bodies and chunk times, as lists return it."""
    slim: dict[str, Any] = dict(document)
    slim["request"] = {key: item for key, item in document["request"].items() if key != "body"}
    response = document["response"]
    if response is not None:
        slim["response"] = {key: item for key, item in response.items() if key not in ("body", "chunks")}
    return slim
