"""Which interactions: conditions on fields, all of which must hold.

What a person writes comes to this (`stores.query`), so do the parameters of the API, and each store compiles it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from gemtap.stores.fields import FIELDS

Value = str | int | float | bool | ObjectId | datetime
"""Of the field's kind: durations in milliseconds, money in dollars."""


@dataclass(frozen=True, slots=True)
class Is:
    """The field has this value; of tags one of them is this."""

    value: Value


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The field's text begins so."""

    prefix: str


@dataclass(frozen=True, slots=True)
class IsSet:
    """The field has a value, whichever."""


@dataclass(frozen=True, slots=True)
class Within:
    """The field's value keeps to every bound that is given."""

    at_least: Value | None = None
    above: Value | None = None
    at_most: Value | None = None
    below: Value | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """These words stand in the text, one right after the other."""

    words: tuple[str, ...]
    """As `stores.words` has them; at least one."""
    begins: bool = False
    """Whether the last of them may be the beginning of a longer one."""


Test = Is | StartsWith | IsSet | Within | Says

TEXT: Final = "text"
"""The field of what a turn added, which `Says` is for. It is none of `FIELDS`: no store keeps it as a value."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the tests holds for the field; negated, none does, as where the field has no value."""

    field: str
    """A name in `FIELDS`, or `TEXT`."""
    tests: tuple[Test, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, init=False)
class Filter:
    """Conditions, all of which must hold: `Filter()` is everything.

    What is often asked can be written by name, `Filter(model="gemini-2.5-pro", since=noon)`: that the field is
    equal to the value, `since` being times at or after it and `until` times before. None is no condition.
    """

    terms: tuple[Condition, ...]

    def __init__(self, *terms: Condition, **wanted: Any) -> None:
        object.__setattr__(self, "terms", (*terms, *_conditions(wanted)))

    def __and__(self, other: Filter) -> Filter:
        return Filter(*self.terms, *other.terms)


def asks_for_words(where: Filter) -> bool:
    """Whether texts are asked for words."""
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
