"""The latest bodies with what is known of each, to find the one that a new body goes on from.

Agents send their whole conversation again with each turn, so that what was found out about a body holds for most of the
next one, up to the first byte that differs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

REMEMBERED_FROM: Final = 6_000
REMEMBERED_UP_TO: Final = 8 * 2**20
"""Bytes of a body that is remembered: looking for an earlier one takes longer than it saves with smaller ones."""

REMEMBERED_BYTES: Final = 32 * 2**20
"""Bytes of bodies that are remembered together."""

_ALIKE: Final = 64
"""Bytes at the beginning that a body has in common with the one before it. Only those are compared further."""

_COMPARED: Final = 16
"""Bodies that begin alike, the latest ones, among which the one before is looked for."""

_FIRST_STEP: Final = 4_096
"""Bytes that are compared at first; then twice as many, and so on."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Body(Generic[T]):
    raw: bytes
    known: T


@dataclass(frozen=True, slots=True)
class Nearest(Generic[T]):
    """The body that has most in common with a new one."""

    body: _Body[T]
    prefix: int
    """How many bytes at the beginning are the same."""

    @property
    def raw(self) -> bytes:
        """The bytes of that body."""
        return self.body.raw

    @property
    def known(self) -> T:
        """What is known of it."""
        return self.body.known


class LatestBodies(Generic[T]):
    """Bodies up to so many bytes together. To be used by one thread at a time."""

    def __init__(self, most_bytes: int = REMEMBERED_BYTES) -> None:
        self._limit = most_bytes
        self._bodies: OrderedDict[bytes, list[_Body[T]]] = OrderedDict()
        """By their beginnings, in the order in which they were used last. The latest of those that begin alike is the
        last one."""
        self._bytes = 0

    def nearest(self, raw: bytes) -> Nearest[T] | None:
        """The body that has most in common with this one at its beginning; None if there is none."""
        found: Nearest[T] | None = None
        for body in reversed(self._bodies.get(raw[:_ALIKE], ())[-_COMPARED:]):
            prefix = common_prefix(body.raw, raw)
            if found is None or prefix > found.prefix:
                found = Nearest(body, prefix)
                if prefix == len(body.raw) or 10 * prefix > 9 * len(body.raw):
                    break
        return found

    def remember(self, raw: bytes, known: T, nearest: Nearest[T] | None) -> None:
        """Remember a body, in the place of the nearest one if it goes on from that."""
        replaced = nearest.body if nearest is not None and 2 * nearest.prefix >= len(nearest.raw) else None
        beginning = raw[:_ALIKE]
        alike = [each for each in self._bodies.pop(beginning, []) if each is not replaced]
        self._bytes += len(raw) - (len(replaced.raw) if replaced is not None else 0)
        self._bodies[beginning] = [*alike, _Body(raw, known)]
        while self._bytes > self._limit:
            oldest, bodies = next(iter(self._bodies.items()))
            self._bytes -= len(bodies.pop(0).raw)
            if not bodies:
                del self._bodies[oldest]

    def clear(self) -> None:
        """Forget everything."""
        self._bodies.clear()
        self._bytes = 0


def common_prefix(one: bytes, other: bytes) -> int:
    """The number of bytes at the beginning that are equal."""
    return _equal_up_to(min(len(one), len(other)), lambda low, high: one[low:high] == other[low:high])


def common_suffix(one: bytes, other: bytes) -> int:
    """The number of bytes at the end that are equal."""

    def is_equal(low: int, high: int) -> bool:
        return one[len(one) - high : len(one) - low] == other[len(other) - high : len(other) - low]

    return _equal_up_to(min(len(one), len(other)), is_equal)


def _equal_up_to(end: int, is_equal: Callable[[int, int], bool]) -> int:
    """How far all is equal, at most to the end. `is_equal` compares from one distance to another."""
    low, step = 0, _FIRST_STEP
    while low < end and is_equal(low, min(low + step, end)):
        low, step = min(low + step, end), 2 * step
    high = min(low + step, end)
    while high - low > 1:
        middle = (low + high) // 2
        if is_equal(low, middle):
            low = middle
        else:
            high = middle
    return low
