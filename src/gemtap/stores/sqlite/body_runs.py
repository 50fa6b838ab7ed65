"""The lists of the latest bodies, in runs, so that the next turn of a conversation takes over what it begins with.

A run is a group of a list, or what stands behind its last group. A body that begins with the same bytes as an earlier
one begins with the same runs: their pieces are not hashed, looked up and compared again. That is as good as doing so,
since a run counts only while its pieces are in the packs, by edition, in which they were.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from gemtap.latest_bodies import Nearest
from gemtap.stores.sqlite.packs import PackKey

DIGEST_BYTES: Final = 8


@dataclass(slots=True, eq=False)
class Run:
    """Consecutive items of the list of a body."""

    start: int = 0
    """Where its first piece begins in the body."""
    hashed: blake2b = field(default_factory=lambda: blake2b(digest_size=DIGEST_BYTES))
    """The hash of the body up to there."""
    items: list[bytes | int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Where the piece of each item ends in the body."""
    listed: list[bytes | int | list[int]] = field(default_factory=list)
    """What stands for the group in the list; empty if this is no group yet."""
    packs: frozenset[PackKey] | None = None
    """Where its pieces are; None until they are written."""

    @property
    def end(self) -> int:
        """Where it ends in the body."""
        return self.ends[-1] if self.ends else self.start

    def numbers(self) -> Iterator[int]:
        """The pieces that it refers to, and the one that holds the group."""
        yield from (item for item in self.items if isinstance(item, int))
        yield from (item[0] for item in self.listed if isinstance(item, list))

    def hashed_up_to(self, raw: bytes, end: int) -> blake2b:
        """The hash of the body up to a place behind the run's start."""
        hashed = self.hashed.copy()
        hashed.update(memoryview(raw)[self.start : end])
        return hashed


def begun(nearest: Nearest[list[Run]] | None, cuts: Sequence[int], is_there: Callable[[Run], bool]) -> list[Run]:
    """The runs with which a body begins: groups, and a last one that is none yet.

    `cuts` are its own cut points: where the two bodies part, others may be those of the earlier one. `is_there` says
    whether a run counts.
    """
    runs: list[Run] = []
    if nearest is None:
        return [Run()]
    common = cuts[: bisect_right(cuts, nearest.prefix)]
    for run in nearest.known:
        if not is_there(run):
            return [*runs, Run(run.start, run.hashed)]
        if not run.listed or not _has(common, run.end):
            count = next((count for count in range(len(run.ends), 0, -1) if _has(common, run.ends[count - 1])), 0)
            return [*runs, Run(run.start, run.hashed, run.items[:count], run.ends[:count])]
        runs.append(run)
    raise AssertionError("the last run of a body is a group")


def _has(cuts: Sequence[int], offset: int) -> bool:
    at = bisect_left(cuts, offset)
    return at < len(cuts) and cuts[at] == offset
