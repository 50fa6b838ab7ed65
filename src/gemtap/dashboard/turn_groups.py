"""Groups of consecutive turns. The page of a thread has the first one, and loads the others when they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gemtap.dashboard.turns import Turn

_SIZE: Final = 20
"""Number of turns in a group: with 200 turns of 200 characters each, a page has less than 100 kB."""


@dataclass(frozen=True, slots=True)
class TurnGroup:
    """Consecutive turns, named by the id of the first one."""

    turns: Sequence[Turn]

    @property
    def id(self) -> str:
        """The id of the first turn."""
        return str(self.turns[0].item["id"])

    @property
    def title(self) -> str:
        """Which turns these are."""
        first, last = self.turns[0].number, self.turns[-1].number
        return f"turn {first}" if first == last else f"turns {first} to {last}"


def groups_of(turns: Sequence[Turn]) -> list[TurnGroup]:
    """All groups, in the order of the turns."""
    return [TurnGroup(turns[at : at + _SIZE]) for at in range(0, len(turns), _SIZE)]


def group_with(turns: Sequence[Turn], id_: str) -> TurnGroup | None:
    """The group with the turn of this id, or None."""
    return next((group for group in groups_of(turns) if any(turn.item["id"] == id_ for turn in group.turns)), None)
