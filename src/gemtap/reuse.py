"""Results that are kept for values that come again.

An agent sends its whole conversation again with each turn. Whoever parses these bodies and finds that a part of one is
equal to a part of an earlier one gives it the same value, the same object, and keeps it with a `Reusable`. Functions
that are decorated with `computed_once` then compute their result for such a value only once. For all other values they
do what they do without the decorator.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial, wraps
from typing import Any, Final, NamedTuple, TypeVar

V = TypeVar("V")
R = TypeVar("R")

Results = dict[Hashable, Any]
"""What has been computed of a value, by what has computed it. It is not changed."""


class _Kept(NamedTuple):
    value: object
    results: Results


_kept: Final[dict[int, _Kept]] = {}
"""By the id of the value, which no other object can have as long as it stands here."""


class Reusable:
    """Keeps a value that comes again, with what is computed of it, for as long as this object exists."""

    __slots__ = ("_kept",)

    def __init__(self, value: object) -> None:
        """The value, which must not be changed any more."""
        self._kept: Final = _Kept(value, {})
        _kept[id(value)] = self._kept

    def __del__(self) -> None:
        """Forget the value, unless another object keeps it."""
        if _kept.get(id(self._kept.value)) is self._kept:
            del _kept[id(self._kept.value)]

    @property
    def value(self) -> Any:
        """The value."""
        return self._kept.value

    @property
    def results(self) -> Results:
        """What has been computed of it."""
        return self._kept.results


def results_for(value: object) -> Results | None:
    """Where what is computed of this value is kept; None if it is not known to come again."""
    kept = _kept.get(id(value))
    return None if kept is None else kept.results


def remembered(kept: Results | None, key: Hashable, compute: Callable[[], R]) -> R:
    """What `compute` returns, called only once where results are kept. The result must not be changed."""
    if kept is None:
        return compute()
    try:
        result: R = kept[key]
    except KeyError:
        result = kept[key] = compute()
    return result


def computed_once(function: Callable[[V], R]) -> Callable[[V], R]:
    """The function, which computes its result only once for a value that is kept. The result must not be changed."""

    @wraps(function)
    def result_of(value: V) -> R:
        return remembered(results_for(value), function, partial(function, value))

    return result_of


def read_once(function: Callable[[V], tuple[R, ...]]) -> Callable[[V], tuple[R, ...]]:
    """The same for a function whose results come again, too: the messages and tools that values are read as."""

    @wraps(function)
    def result_of(value: V) -> tuple[R, ...]:
        kept = results_for(value)
        if kept is None:
            return function(value)

        def read() -> tuple[tuple[R, ...], list[Reusable]]:
            items = function(value)
            return items, [Reusable(item) for item in items]

        return remembered(kept, function, read)[0]

    return result_of
