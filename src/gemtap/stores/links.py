"""Links: short hashes stored with interactions, by which the recorder finds the turns of a conversation.

An interaction has the hashes by which later turns find it, and prefixes of the hashes by which it searched for its
parent. A parent that is recorded late finds its children by those. docs/threads.md describes the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from bson import ObjectId

from gemtap.interaction import Thread
from gemtap.stores.place import Place


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
    first_only: bool = False
    """Whether only the first one with a thread is looked for."""


class Linked(NamedTuple):
    """An interaction with a thread: the fields that linking needs."""

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


class LinkIndex(Protocol):
    """Finds interactions by their links. Every method may raise StoreUnavailable.

    Reads see everything that was stored before the call, even by another process.
    """

    async def before(self, wanted: Sequence[Before]) -> Sequence[Linked | None]:
        """For each wanted link the newest interaction before its place that has the link and a thread, or None."""
        ...

    async def after(self, wanted: Sequence[After]) -> Sequence[Linked]:
        """The interactions with a thread that have one of the links after its place, each once, oldest first."""
        ...

    async def children(self, ids: Sequence[ObjectId]) -> Sequence[Linked]:
        """The interactions whose `thread.parent` is one of these, oldest first."""
        ...

    async def in_threads(self, threads: Sequence[ObjectId]) -> Sequence[ObjectId]:
        """The ids of the interactions whose `thread.id` is one of these, in any order."""
        ...

    async def of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
        """The links of each of these interactions, in any order. Interactions without links are left out."""
        ...

    async def move(self, moves: Sequence[Move]) -> bool:
        """Change threads one after the other, and return whether all were changed.

        Stops at the first interaction that no longer has its old thread. The text of moved interactions is due again.
        """
        ...
