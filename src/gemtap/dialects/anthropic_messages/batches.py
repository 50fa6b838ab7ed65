"""Results of a batch: one JSON object per line, each with a message or an error.

After https://platform.claude.com/docs/en/build-with-claude/batch-processing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from gemtap.dialects.anthropic_messages.fields import read_tokens
from gemtap.dialects.common_fields import add_tokens
from gemtap.interaction import NO_TOKENS, Error, Json, Tokens
from gemtap.json_access import as_dict, as_text, read_json

RESULTS: Final = "messages.batches.results"
"""The operation that returns them."""


@dataclass(frozen=True, slots=True)
class Results:
    """What the lines say together."""

    tokens: Tokens = field(default_factory=NO_TOKENS.copy)
    """Tokens of the results that succeeded. A batch has its results as often as they are asked for."""
    model_version: str | None = None
    """The model that served the results, if it is the same for all."""
    counts: Json = None
    """How many results have each type, such as `{"succeeded": 2, "errored": 1}`."""
    error: Error | None = None
    """How many requests failed, and the first failure."""


def read_results(body: bytes) -> Results:
    """Read each line by itself: one that is torn or no JSON counts as `unreadable`."""
    kinds: Counter[str] = Counter()
    tokens, models, failures = [], set(), []
    for line in body.splitlines():
        if not line.strip():
            continue
        result = as_dict(as_dict(read_json(line)).get("result"))
        kind = as_text(result.get("type")) or "unreadable"
        kinds[kind] += 1
        message = as_dict(result.get("message"))
        if kind == "succeeded":
            tokens.append(read_tokens(message.get("usage")))
            models.add(as_text(message.get("model")))
        elif kind != "unreadable":
            failures.append(result)
    return Results(
        add_tokens(tokens) if tokens else NO_TOKENS.copy(),
        models.pop() if len(models) == 1 else None,
        dict(kinds) or None,
        _error(failures, sum(kinds.values())),
    )


def _error(failures: list[dict[str, Json]], total: int) -> Error | None:
    if not failures:
        return None
    told = as_dict(as_dict(failures[0].get("error")).get("error"))
    why = as_text(told.get("message")) or as_text(failures[0].get("type"))
    return {"message": f"{len(failures)} of {total} requests of the batch failed: {why}", "details": failures[0]}
