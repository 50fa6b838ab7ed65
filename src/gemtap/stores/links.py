"""Links: short hashes that interactions are stored with, and by which the recorder finds the turns of a conversation.

An interaction is stored with the hashes by which later turns find it, and with the beginnings of the hashes by which it
was looking for its parent. A parent that is recorded late finds its children by those. docs/threads.md has the rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bson import ObjectId

from gemtap.interaction import Thread


class Place(NamedTuple):
    """A place in the order of time. Requests of different taps may begin in the same millisecond."""

    timestamp: datetime
    id: ObjectId


class Before(NamedTuple):
    """A link to look for among the interactions that came before a place."""

    link: bytes
    place: Place


class After(NamedTuple):
    """A link to look for among the interactions that came after a place."""

    link: bytes
    place: Place
    until: datetime | None = None
    """The latest time, inclusive. None if there is no limit."""


class Linked(NamedTuple):
    """An interaction that has a thread, as far as linking needs it."""

    id: ObjectId
    timestamp: datetime
    thread: Thread
    outcome: str

    @property
    def place(self) -> Place:
        """Its place in the order of time."""
        return Place(self.timestamp, self.id)


class Move(NamedTuple):
    """A change of one interaction's thread."""

    id: ObjectId
    old: Thread
    """The thread that it must still have."""
    new: Thread
    links: tuple[bytes, ...] | None = None
    """The links that replace its present ones. None keeps those."""
