"""Results that are kept for values that come again.

An agent sends its whole conversation again with each turn. Whoever parses these bodies and finds that a part of one is
equal to a part of an earlier one gives it the same value, the same object, and keeps it as a `Reusable`. Functions
that are decorated with `computed_once` then compute their result for such a value only once. For all other values they
do what they do without the decorator.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

V = TypeVar("V")
R = TypeVar("R")


class Reusable:
    """A value, with what has been computed of it. Both are kept for as long as this object; neither is changed."""

    __slots__ = ("__weakref__", "results", "value")

    def __init__(self, value: object) -> None:
        self.value: Final = value
        self.results: Final[dict[Hashable, Any]] = {}
        _reusables[id(value)] = self


_reusables: Final[WeakValueDictionary[int, Reusable]] = WeakValueDictionary()
"""By the id of the value, which no other object can have as long as the value is kept."""


def reusable(value: object) -> Reusable | None:
    """What is kept of this value; None if it is not known to come again."""
    return _reusables.get(id(value))


def computed_once(function: Callable[[V], R]) -> Callable[[V], R]:
    """The function, which computes its result only once for a value that is kept. The result must not be changed."""

    @wraps(function)
    def result_of(value: V) -> R:
        kept = _reusables.get(id(value))
        if kept is None:
            return function(value)
        try:
            result: R = kept.results[function]
        except KeyError:
            result = kept.results[function] = function(value)
        return result

    return result_of


def read_once(function: Callable[[V], tuple[R, ...]]) -> Callable[[V], tuple[R, ...]]:
    """The same for a function whose results come again, too: the messages and tools that values are read as."""

    def kept_items(value: V) -> tuple[tuple[R, ...], list[Reusable]]:
        items = function(value)
        return items, [Reusable(item) for item in items]

    kept_once = computed_once(kept_items)

    @wraps(function)
    def result_of(value: V) -> tuple[R, ...]:
        return kept_once(value)[0] if id(value) in _reusables else function(value)

    return result_of
