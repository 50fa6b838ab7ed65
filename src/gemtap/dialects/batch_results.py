"""Results of a batch: one JSON object per line, each with an answer or an error.

Each API words a line in its own way: its dialect makes a `Result` of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gemtap.dialects.common_fields import add_tokens
from gemtap.interaction import NO_TOKENS, Error, Json, Tokens
from gemtap.json_access import as_dict, read_json

SUCCEEDED: Final = "succeeded"

ERRORED: Final = "errored"
"""A failure, for APIs without kinds of them."""

UNREADABLE: Final = "unreadable"
"""A line that is torn, or says neither an answer nor an error."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one line says."""

    kind: str
    """`succeeded`, `unreadable`, or what the API calls a failure."""
    model: str | None = None
    """The model that answered."""
    answer: dict[str, Json] = field(default_factory=dict)
    """The body of the answer, as if it had been asked for by itself. Empty for a failure."""
    tokens: Tokens = field(default_factory=NO_TOKENS.copy)
    failure: str | None = None
    """Why it failed."""
    details: Json = None
    """All that the line says of its failure."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the results say together."""

    tokens: Tokens = field(default_factory=NO_TOKENS.copy)
    """Tokens of the results that succeeded."""
    model_version: str | None = None
    """The model that answered, if it is the same for all."""
    counts: Json = None
    """How many results there are of each kind, such as `{"succeeded": 2, "errored": 1}`. None if there are none."""
    error: Error | None = None
    """How many requests failed, and the first failure."""


def lines_of(body: Json | bytes) -> Iterator[dict[str, Json]]:
    """The objects of a body of lines: its bytes, its text, or, if it is a single line, its value.

    A line that is no object is an empty one.
    """
    if isinstance(body, str):
        body = body.encode("utf-8", "replace")
    if isinstance(body, dict):
        yield body
    elif isinstance(body, bytes):
        yield from (as_dict(read_json(line)) for line in body.split(b"\n") if line.strip())


def summarise(results: Iterable[Result]) -> Summary:
    """Add up what the results say."""
    kinds: Counter[str] = Counter()
    tokens: list[Tokens] = []
    models: set[str | None] = set()
    failures: list[Result] = []
    for result in results:
        kinds[result.kind] += 1
        if result.kind == SUCCEEDED:
            tokens.append(result.tokens)
            models.add(result.model)
        elif result.kind != UNREADABLE:
            failures.append(result)
    return Summary(
        add_tokens(tokens) if tokens else NO_TOKENS.copy(),
        models.pop() if len(models) == 1 else None,
        dict(kinds) or None,
        _error(failures, sum(kinds.values())),
    )


def _error(failures: list[Result], total: int) -> Error | None:
    if not failures:
        return None
    why = failures[0].failure or failures[0].kind
    return {
        "message": f"{len(failures)} of {total} requests of the batch failed: {why}",
        "details": failures[0].details,
    }


def first_line(body: Json | bytes) -> dict[str, Json]:
    """The first object of a body of lines, empty if there is none."""
    return next(lines_of(body), {})
