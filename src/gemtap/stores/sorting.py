"""Lists of interactions sorted by a number, and which lists can be sorted so.

Both stores sort from an index that has these numbers in the order of time (`interactions_numbers`, `LISTED`), and hold
no more than a page meanwhile. Where a condition is on a field that MongoDB's index lacks, each match would be read with
its bodies, so such lists stay in the order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from gemtap.stores.place import Place, place_of
from gemtap.stores.query.filter import Filter

SortKey = Literal["duration", "input", "output", "cost"]
"""The numbers that a list can be sorted by, greatest first: names in `FIELDS`."""

ListSort = Literal["newest", "oldest", SortKey]
"""The orders of a list."""

_PATHS: Final[Mapping[SortKey, tuple[str, ...]]] = {
    "duration": ("request_duration_ms",),
    "input": ("tokens", "input"),
    "output": ("tokens", "output"),
    "cost": ("cost", "usd"),
}

SORTABLE_BY: Final = frozenset(
    {
        *("time", "provider", "operation", "model", "outcome", "status", "error", "finish_reason"),
        *("client", "key", "user", "thread", "rating", "tokens", "input", "cached", "cache_write", "output"),
        *("reasoning", "cost", "duration", "first_byte"),
    }
)
"""The fields that the conditions of a sorted list may have."""

UNKNOWN: Final = -1.0
"""The sort value of an interaction without the number: such interactions come last."""


class SortedPlace(NamedTuple):
    """The place of one interaction in a sorted list. Among equal values, the newest comes first."""

    value: float
    place: Place


class NotSortable(ValueError):
    """The conditions of a list do not allow to sort it. The message says why."""

    def __init__(self) -> None:
        super().__init__(
            "The results of a search for words, tools, tags, ids or model versions cannot be sorted: they are in the "
            "order of time. Leave out one of the two."
        )


def is_sortable(where: Filter) -> bool:
    """Whether the matches can be sorted without reading each of them."""
    return all(term.field in SORTABLE_BY for term in where.terms)


def sorted_place_of(document: Mapping[str, Any], by: SortKey) -> SortedPlace:
    """The place of a document, which may lack its bodies, in a list with this order."""
    value: Any = document
    for name in _PATHS[by]:
        value = None if value is None else value.get(name)
    return SortedPlace(UNKNOWN if value is None else value, place_of(document))
