"""Statistics: how many interactions there were, what they took and what they cost, by time and by one of their fields.

A store gives its counts in parts (`Part`), each of some interactions that lie together. `statistics.query` asks it for
them, `statistics.cache` has those of whole days, and `statistics.aggregate` adds them up into rows. Percentiles cannot
be added up, so a part has every value that they are taken of.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypedDict

Bucket = Literal["hour", "day", "week", "month"]
"""Periods in UTC. Weeks begin on Monday."""

By = Literal[
    "model", "client", "key", "operation", "provider", "outcome", "thread", "status", "user", "finish_reason"
]  # fmt: skip
"""Fields that statistics can be told apart by: names in `stores.query.fields.FIELDS`."""


class TokenSums(TypedDict):
    """Sums of the tokens that are known, see `interaction.Tokens`."""

    input: int
    cached: int
    output: int
    reasoning: int
    tool_use: int
    total: int


class ContextSums(TypedDict):
    """Where the input tokens come from: sums of estimates, see `interaction.Context`."""

    system: int
    tools: int
    media: int
    results: int
    history: int
    new: int


class Percentiles(TypedDict):
    """Nearest-rank percentiles in milliseconds, each one of the values, exact to seven digits; None of no values."""

    p50: float | None
    p95: float | None
    p99: float | None


class StatRow(TypedDict):
    """What is told of the interactions of one bucket and one key."""

    bucket: datetime | None
    """Where the bucket begins (UTC); None where no buckets were asked for."""
    key: str | None
    """The value of the field; None also of interactions without one."""
    requests: int
    errors: int
    """Requests with an `error`."""
    tokens: TokenSums
    cost: float | None
    """US dollars; None where no cost is known."""
    priced: int
    """How many of the requests have a cost."""
    duration_ms: Percentiles
    first_byte_ms: Percentiles
    context: ContextSums


TOKENS: Final = tuple(TokenSums.__annotations__)
CONTEXT: Final = tuple(ContextSums.__annotations__)
COUNTS: Final = ("requests", "errors", "priced", *TOKENS, *CONTEXT)
"""What of a part can be added up, in this order; besides there is the cost."""


class Part(NamedTuple):
    """Counts of some interactions of one key that began in the same hour or day."""

    start: int
    """A moment of that hour or day, in milliseconds since 1970."""
    key: str | None
    counts: Sequence[int]
    """In the order of `COUNTS`."""
    cost: float
    durations: bytes
    """Every known duration in milliseconds, ascending, as `floats` makes them: a part may be large."""
    first_bytes: bytes
    """The same of the time to the first byte."""


def floats(values: Iterable[float | None]) -> bytes:
    """The values that there are, as a `Part` has them. None is below 0: then they sort as their bits do."""
    return array("f", sorted(max(0.0, value) for value in values if value is not None)).tobytes()
