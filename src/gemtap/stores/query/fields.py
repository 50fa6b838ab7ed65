"""The fields that queries can filter by: name, kind of value, description and example.

`docs/queries.md` is generated from this table. Each store maps fields to its own columns or paths
(`sqlite.conditions.COLUMNS`, `mongo.conditions.PATHS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gemtap.interaction import Outcome
from gemtap.stores.annotations import RATINGS


class Kind(StrEnum):
    """Kind of a field's values, which decides how they are written in a query."""

    WORD = "word"
    NUMBER = "number"
    DURATION = "duration"
    """In milliseconds."""
    MONEY = "amount of dollars"
    FLAG = "yes or no"
    ID = "id"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Field:
    """One field."""

    kind: Kind
    about: str
    """Short description for people."""
    example: str
    """A condition on the field, in query syntax."""
    choices: tuple[str, ...] = ()
    """All possible values of a word, or empty if any word is possible."""


def _word(about: str, example: str, *choices: str) -> Field:
    return Field(Kind.WORD, about, example, choices)


FIELDS: Final[Mapping[str, Field]] = {
    "id": Field(Kind.ID, "id of the interaction", "id:66f1c0ffee0123456789abcd"),
    "time": Field(Kind.TIME, "when the request was received", "time:2026-03-14"),
    "provider": _word("API provider", "provider:gemini"),
    "operation": _word("API operation", "operation:countTokens"),
    "model": _word("requested model", "model:gemini-2.5-*"),
    "model_version": _word("model version that served the request", "model_version:gemini-2.5-pro-002"),
    "outcome": _word("how the exchange ended", "outcome:client_disconnected", *Outcome),
    "status": Field(Kind.NUMBER, "HTTP status of the response", "status:4xx"),
    "error": Field(Kind.FLAG, "whether the exchange has an error", "error:yes"),
    "finish_reason": _word("why the model stopped", "finish_reason:MAX_TOKENS"),
    "streaming": Field(Kind.FLAG, "whether the response was a stream", "streaming:no"),
    "client": _word("program that sent the request", "client:cline,roo-code"),
    "key": _word("fingerprint of the credential", "key:8f2a11c0d3e4"),
    "user": _word("user, if known", "user:ada"),
    "thread": Field(Kind.ID, "thread of the interaction", "thread:66f1c0ffee0123456789abcd"),
    "replay_of": Field(Kind.ID, "original interaction of a replay", "replay_of:66f1c0ffee0123456789abcd"),
    "tool": _word("tool that the response calls", "tool:read_file"),
    "tag": _word("one of its tags", 'tag:"to read"'),
    "rating": _word("rating", "rating:bad", *RATINGS),
    "tokens": Field(Kind.NUMBER, "total tokens", "tokens:>100k"),
    "input": Field(Kind.NUMBER, "input tokens, including cached ones", "input:10k..1M"),
    "cached": Field(Kind.NUMBER, "input tokens read from a cache", "cached:0"),
    "cache_write": Field(Kind.NUMBER, "input tokens written to a cache", "cache_write:>10k"),
    "output": Field(Kind.NUMBER, "output tokens, without reasoning", "output:<10"),
    "reasoning": Field(Kind.NUMBER, "reasoning tokens", "reasoning:>=8k"),
    "cost": Field(Kind.MONEY, "cost in US dollars", "cost:>0.50"),
    "duration": Field(Kind.DURATION, "time from sending upstream to the last byte", "duration:>30s"),
    "first_byte": Field(Kind.DURATION, "time from sending upstream to the first byte", "first_byte:800ms..2s"),
}
