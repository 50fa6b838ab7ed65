"""Facets: how many of the newest matches of a filter have each value of a field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

FACETS: Final = ("model", "provider", "client", "operation", "status", "outcome", "finish_reason")
"""The fields that are counted: names in `FIELDS`."""

COUNTED: Final = 5_000
"""Maximum number of matches that are counted, the newest ones. This bounds the time, however much is stored."""

Value = str | int


class Facets(NamedTuple):
    """Values of fields, each with its number of matches."""

    counted: int
    """Number of matches that were counted. If it is `COUNTED`, there may be more."""
    values: Mapping[str, Sequence[tuple[Value, int]]]
    """For each of `FACETS`, its values, the most frequent first, without interactions that have none."""


def facets_of(rows: Iterable[Sequence[Value | None]]) -> Facets:
    """Count rows of the values of `FACETS`, in their order."""
    groups = Counter(map(tuple, rows))
    values = {}
    for position, name in enumerate(FACETS):
        counts: Counter[Value] = Counter()
        for group, number in groups.items():
            if (value := group[position]) is not None:
                counts[value] += number
        values[name] = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return Facets(groups.total(), values)
