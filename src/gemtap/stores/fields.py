"""The fields that lists can be filtered by: their names in queries, what kind of value each has, what it is.

`docs/queries.md` is made from this table. Each store knows where it keeps a field: `sqlite.conditions.COLUMNS`,
`mongo.conditions.PATHS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gemtap.interaction import Outcome
from gemtap.stores.annotations import RATINGS


class Kind(StrEnum):
    """What a field's values are, and so how they are written in a query."""

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
    """For people: what it is, in a few words."""
    example: str
    """A condition on it, as it stands in a query."""
    choices: tuple[str, ...] = ()
    """Of a word: every value that there can be; empty where there can be any."""


def _word(about: str, example: str, *choices: str) -> Field:
    return Field(Kind.WORD, about, example, choices)


FIELDS: Final[Mapping[str, Field]] = {
    "id": Field(Kind.ID, "the interaction itself", "id:66f1c0ffee0123456789abcd"),
    "time": Field(Kind.TIME, "when the request was received", "time:2026-03-14"),
    "provider": _word("whose API it is", "provider:gemini"),
    "operation": _word("what was asked of it", "operation:countTokens"),
    "model": _word("the model that was asked for", "model:gemini-2.5-*"),
    "model_version": _word("the model that answered", "model_version:gemini-2.5-pro-002"),
    "outcome": _word("how the exchange ended", "outcome:client_disconnected", *Outcome),
    "status": Field(Kind.NUMBER, "the HTTP status of the answer", "status:4xx"),
    "error": Field(Kind.FLAG, "whether anything went wrong", "error:yes"),
    "finish_reason": _word("why the model stopped", "finish_reason:MAX_TOKENS"),
    "streaming": Field(Kind.FLAG, "whether the answer was a stream", "streaming:no"),
    "client": _word("the program that called", "client:cline,roo-code"),
    "key": _word("the fingerprint of the credential", "key:8f2a11c0d3e4"),
    "user": _word("who called, where that is known", "user:ada"),
    "thread": Field(Kind.ID, "the conversation", "thread:66f1c0ffee0123456789abcd"),
    "replay_of": Field(Kind.ID, "the interaction whose request was sent again", "replay_of:66f1c0ffee0123456789abcd"),
    "tag": _word("one of its tags", 'tag:"to read"'),
    "rating": _word("how it was rated", "rating:bad", *RATINGS),
    "tokens": Field(Kind.NUMBER, "all tokens", "tokens:>100k"),
    "input": Field(Kind.NUMBER, "tokens that were sent, cached ones among them", "input:10k..1M"),
    "cached": Field(Kind.NUMBER, "tokens that the API had cached", "cached:0"),
    "output": Field(Kind.NUMBER, "tokens of the answer, without its reasoning", "output:<10"),
    "reasoning": Field(Kind.NUMBER, "tokens of reasoning", "reasoning:>=8k"),
    "cost": Field(Kind.MONEY, "what it cost in US dollars", "cost:>0.50"),
    "duration": Field(Kind.DURATION, "from sending upstream to the last byte", "duration:>30s"),
    "first_byte": Field(Kind.DURATION, "from sending upstream to the first byte", "first_byte:800ms..2s"),
}
