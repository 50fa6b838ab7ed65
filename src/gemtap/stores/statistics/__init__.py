"""Statistics: numbers of interactions, tokens, costs and durations, by period and by one field.

A store returns counts in parts (`Part`), each of the interactions of one minute, hour or day. `statistics.query`
requests them, `statistics.cache` caches those of whole days, and `statistics.aggregate` adds them up into rows.
Percentiles cannot be added up, so a part has all values that they are computed from.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypedDict

Bucket = Literal["minute", "hour", "day", "week", "month"]
"""Periods in UTC. Weeks begin on Monday. Minutes are for at most `query.MOST_MINUTES`."""

By = Literal[
    "model", "client", "key", "operation", "provider", "outcome", "thread", "status", "user", "finish_reason"
]  # fmt: skip
"""Fields that statistics can group by: names in `stores.query.fields.FIELDS`."""

Grouping = Literal[By, "tool"]
"""What parts are counted by. Parts by tool have other counts, see `statistics.tools`."""


class TokenSums(TypedDict):
    """Sums of the tokens that are known, see `interaction.Tokens`."""

    input: int
    cached: int
    cache_write: int
    output: int
    reasoning: int
    tool_use: int
    total: int


NO_TOKEN_SUMS: Final[TokenSums] = {
    "input": 0,
    "cached": 0,
    "cache_write": 0,
    "output": 0,
    "reasoning": 0,
    "tool_use": 0,
    "total": 0,
}


class ContextSums(TypedDict):
    """Sums of the estimated origins of input tokens, see `interaction.Context`."""

    system: int
    tools: int
    media: int
    results: int
    history: int
    new: int


class Percentiles(TypedDict):
    """Nearest-rank percentiles in milliseconds, exact to seven digits; None if there are no values."""

    p50: float | None
    p95: float | None
    p99: float | None


class StatRow(TypedDict):
    """Statistics of the interactions of one bucket and one key."""

    bucket: datetime | None
    """Start of the bucket (UTC); None without buckets."""
    key: str | None
    """The value of the field; None for interactions without one, or without grouping."""
    requests: int
    errors: int
    """Requests with an `error`."""
    tokens: TokenSums
    cost: float | None
    """US dollars; None if no cost is known."""
    priced: int
    """Number of requests with a known cost."""
    cache_saved: float
    """US dollars that caches saved, less what writing to them cost more: the sum of `cost.cache_saved`."""
    duration_ms: Percentiles
    first_byte_ms: Percentiles
    context: ContextSums


class ToolRow(TypedDict):
    """Statistics of one tool."""

    tool: str | None
    """None for results whose tool the request does not name."""
    calls: int
    """How often a model called it."""
    results: int
    """How often a request brought its result. Requests that failed are not counted: clients send the result again."""
    marked: int
    """Number of results in a format that says whether the tool failed. OpenAI's and Ollama's formats do not."""
    failed: int | None
    """How many of these failed; None if `marked` is 0."""
    cost: float | None
    """US dollars of the requests that brought its results, each divided equally among its results; None if unknown."""
    priced: int
    """Number of results that were brought by a request with a known cost."""
    time_ms: Percentiles
    """From the end of the response that called it until the request with its result, of the same thread."""


TOKENS: Final = tuple(TokenSums.__annotations__)
CONTEXT: Final = tuple(ContextSums.__annotations__)
COUNTS: Final = ("requests", "errors", "priced", *TOKENS, *CONTEXT)
"""The counts of a part, in this order, apart from the amounts of money."""
TOOL_COUNTS: Final = ("calls", "results", "marked", "failed", "priced")
"""The counts of a part by tool."""


class Part(NamedTuple):
    """Counts of the interactions of one key and one minute, hour or day."""

    start: int
    """A time within that period, in milliseconds since 1970."""
    key: str | None
    counts: Sequence[int]
    """In the order of `COUNTS`; of a tool, of `TOOL_COUNTS`."""
    cost: float
    cache_saved: float
    durations: bytes
    """All known durations in milliseconds, ascending, as `floats` returns them."""
    first_bytes: bytes
    """The same for the time to the first byte."""


def floats(values: Iterable[float | None]) -> bytes:
    """The known values in the format of `Part`. Negative ones become 0, so that the bits sort like the values."""
    return array("f", sorted(max(0.0, value) for value in values if value is not None)).tobytes()
