"""Maintenance of a store: size, garbage collection, integrity check and repair."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bson import ObjectId


class Space(NamedTuple):
    """Disk space of a store, in bytes."""

    used: int
    """Space of the stored data."""
    free: int
    """Unused space in the store's files, left by deleted data."""
    content: int
    """Size of the present content, to compare with later values of itself. `used` may lag minutes behind."""


class Progress(NamedTuple):
    """Progress of a long operation."""

    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Stored data that is missing, or differs from what was put."""

    id: ObjectId | None
    """The interaction affected, or None if unknown."""
    what: str
    """For people: what is wrong and what it affects."""


class Maintenance(Protocol):
    """Keeps a store small and sound. Every method may raise StoreUnavailable."""

    async def space(self, *, settled: bool = False) -> Space:
        """Disk space of the store. If `settled`, everything deleted until now is counted as free."""
        ...

    def reclaim(self) -> AsyncIterator[Progress]:
        """Collect the garbage of deleted interactions, and return space to the file system if the store can.

        Works in small steps beside recording. Stopping early is safe: the rest stays for the next time.
        """
        ...

    def check(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Read everything and yield what is missing or damaged. Changes nothing.

        Works in short reads beside recording. Calls `looked_at` with the number of interactions read since the last
        call.
        """
        ...

    def repair(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Repair what can be repaired, quarantine damaged data, and yield what is lost. Deletes nothing.

        Afterwards `check` finds nothing, and maintenance that stopped at the damage goes on. In MongoDB damaged
        bodies stay where they are, since they affect nothing else. Calls `looked_at` as `check` does.
        """
        ...
