"""What a session used: the API tells it of each response by itself."""

from __future__ import annotations

from collections.abc import Iterable

from gemtap.interaction import Json
from gemtap.json_access import count


def add_usages(usages: Iterable[Json]) -> Json:
    """One usage with all counts added up, also in the details; None for none."""
    total: dict[str, Json] | None = None
    for usage in usages:
        if isinstance(usage, dict):
            total = dict(usage) if total is None else _sum(total, usage)
    return total


def _sum(one: dict[str, Json], other: dict[str, Json]) -> dict[str, Json]:
    added = dict(one)
    for name, value in other.items():
        old = added.get(name)
        if isinstance(value, dict):
            added[name] = _sum(old, value) if isinstance(old, dict) else value
        elif count(value) is not None:
            added[name] = (count(old) or 0) + value
        elif value is not None:
            added[name] = value
    return added
