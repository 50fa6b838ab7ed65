"""What interactions have reserved and used of limits, for as long as the windows of these limits run.

The desk needs the sums again after a restart. They are kept apart from interactions: deleting one, or pruning, must not
give a running budget back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from bson import ObjectId


class WindowKey(NamedTuple):
    """One window of a limit."""

    limit: int
    """The limit's id."""
    start: int
    """Unix time in seconds."""


class Sums(NamedTuple):
    """Amounts of one window, in the measure of its limit: tokens, or micro-dollars."""

    reserved: int
    """By estimates, before the requests were sent."""
    used: int
    """By what the answers say."""

    def __add__(self, other: object) -> Sums:
        if not isinstance(other, Sums):
            return NotImplemented
        return Sums(self.reserved + other.reserved, self.used + other.used)


NOTHING: Final = Sums(0, 0)


@dataclass(frozen=True, slots=True)
class LimitShare:
    """What one interaction takes of one window."""

    window: WindowKey
    ends: int
    """When the window ends; Unix time in seconds."""
    sums: Sums


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one interaction takes of all limits that admitted it."""

    interaction: ObjectId
    is_final: bool
    """False for an interrupted capture: the complete one may follow and replaces it."""
    shares: Sequence[LimitShare]

    @property
    def ends(self) -> int:
        """When the last of its windows ends."""
        return max(each.ends for each in self.shares)


class LimitUsage(Protocol):
    """The settlements of a store. Every method may raise StoreUnavailable.

    `ledger` is the id of a data directory's ledger: with MongoDB, each Gemtap counts what it has recorded itself.
    """

    async def settle(self, ledger: str, settlements: Sequence[Settlement]) -> Mapping[WindowKey, Sums]:
        """Store settlements durably, and return by how much the sums have changed.

        Settling an interaction again changes nothing, except that any settlement replaces one that was not final.
        """
        ...

    async def sums(self, ledger: str, at: datetime) -> Mapping[WindowKey, Sums]:
        """The sums of all windows that have not ended by then."""
        ...


def changes_between(old: Sequence[LimitShare], new: Sequence[LimitShare]) -> dict[WindowKey, Sums]:
    """By how much the sums change if the new shares take the place of the old ones."""
    changes: dict[WindowKey, Sums] = {}
    add_shares(changes, new)
    for each in old:
        before = changes.get(each.window, NOTHING)
        changes[each.window] = Sums(before.reserved - each.sums.reserved, before.used - each.sums.used)
    return changes


def add_shares(sums: dict[WindowKey, Sums], shares: Sequence[LimitShare]) -> None:
    """Add the shares to the sums of their windows."""
    for each in shares:
        sums[each.window] = sums.get(each.window, NOTHING) + each.sums
