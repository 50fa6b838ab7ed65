"""Lists of threads: what is said of one, and in which orders they come."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypedDict

from bson import ObjectId

from gemtap.interaction import Preview

ThreadSort = Literal["latest", "turns", "tokens", "cost"]
"""The greatest comes first: the newest, the longest, the most expensive."""


class ThreadItem(TypedDict):
    """One thread, whatever part of it a filter asks for: the whole of it is counted."""

    id: ObjectId
    turns: int
    """Interactions of the thread, branches and retries among them."""
    first_at: datetime
    last_at: datetime
    """When its first and its last request were received."""
    model: str | None
    client: str | None
    """Model and client of its last interaction."""
    tokens: int | None
    """The sum of all tokens that are known; None where none are."""
    cost: float | None
    """The sum of all costs that are known, in US dollars; None where none are."""
    preview: Preview
    """What was asked first, and how the last answer begins."""


class ThreadPage(NamedTuple):
    """One page of a list of threads, and where the next begins."""

    items: list[ThreadItem]
    next: str | None
