"""Filters: conditions on fields, all of which must match.

Queries (`stores.query.parsing`) and the parameters of the API are turned into filters, which each store compiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from gemtap.stores.query.fields import FIELDS

Value = str | int | float | bool | ObjectId | datetime
"""A value of the field's kind: durations in milliseconds, money in US dollars."""


@dataclass(frozen=True, slots=True)
class Is:
    """The field equals this value. For tags, one of them does."""

    value: Value


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The field's text has this prefix."""

    prefix: str


@dataclass(frozen=True, slots=True)
class IsSet:
    """The field has any value."""


@dataclass(frozen=True, slots=True)
class Within:
    """The field's value satisfies every bound that is not None."""

    at_least: Value | None = None
    above: Value | None = None
    at_most: Value | None = None
    below: Value | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """The text contains these words in a row."""

    words: tuple[str, ...]
    """At least one word, as `stores.query.words` returns them."""
    begins: bool = False
    """Whether the last word is a prefix."""


Test = Is | StartsWith | IsSet | Within | Says

TEXT: Final = "text"
"""The text that a turn added, which `Says` searches. It is not in `FIELDS`, since no store keeps it as a value."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the tests matches the field. If negated, none does, which includes fields without a value."""

    field: str
    """A name in `FIELDS`, or `TEXT`."""
    tests: tuple[Test, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, init=False)
class Filter:
    """Conditions, all of which must match. `Filter()` matches everything.

    Keywords are shorthands for equality, as in `Filter(model="gemini-2.5-pro", since=noon)`. `since` matches times at
    or after its value, `until` times before it. None is ignored.
    """

    terms: tuple[Condition, ...]

    def __init__(self, *terms: Condition, **wanted: Any) -> None:
        object.__setattr__(self, "terms", (*terms, *_conditions(wanted)))

    def __and__(self, other: Filter) -> Filter:
        return Filter(*self.terms, *other.terms)


def thread_ids(where: Filter) -> set[ObjectId]:
    """The ids of threads that a filter names."""
    return {
        test.value
        for term in where.terms
        if term.field == "thread"
        for test in term.tests
        if isinstance(test, Is) and isinstance(test.value, ObjectId)
    }


def with_threads(where: Filter, threads: Mapping[ObjectId, ObjectId]) -> Filter:
    """The filter with the ids of threads replaced by those that they map to."""

    def replaced(test: Test) -> Test:
        return (
            Is(threads.get(test.value, test.value))
            if isinstance(test, Is) and isinstance(test.value, ObjectId)
            else test
        )

    return Filter(
        *(
            replace(term, tests=tuple(map(replaced, term.tests))) if term.field == "thread" else term
            for term in where.terms
        )
    )


def asks_for_words(where: Filter) -> bool:
    """Whether the filter searches for words."""
    return any(term.field == TEXT for term in where.terms)


def _conditions(wanted: dict[str, Value | None]) -> Iterator[Condition]:
    for name, value in wanted.items():
        if name not in FIELDS and name not in ("since", "until"):
            raise TypeError(f"A filter has no field {name!r}")
        if value is None:
            continue
        match name:
            case "since":
                yield Condition("time", (Within(at_least=value),))
            case "until":
                yield Condition("time", (Within(below=value),))
            case _:
                yield Condition(name, (Is(value),))
