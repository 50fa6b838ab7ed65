"""Places: positions in a list of interactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from bson import ObjectId

Order = Literal["newest", "oldest", "recorded"]
"""Order of a list: by (`timestamp`, `_id`) descending or ascending, or by (`recorded_at`, `_id`) ascending."""


class Place(NamedTuple):
    """The place of one interaction. Ids break ties: requests of different taps may begin in the same millisecond."""

    timestamp: datetime
    """The time that orders the list: `recorded_at` in the order "recorded"."""
    id: ObjectId


def place_of(document: Mapping[str, Any], order: Order = "newest") -> Place:
    """The place of a document in a list of this order."""
    return Place(document["recorded_at" if order == "recorded" else "timestamp"], document["_id"])


def just_before(moment: datetime) -> Place:
    """The place before all interactions of this millisecond."""
    return Place(moment.astimezone(UTC), _LOWEST_ID)


_LOWEST_ID: Final = ObjectId(b"\0" * 12)
