"""Bodies parsed with what an earlier body had already: agents send their whole conversation again with each turn.

The messages of a body that were in the body before it, byte by byte, have the same values, the same objects even, so
that what is computed of a message is computed once (see `gemtap.reuse`). Whatever is remembered, a body has the same
value and the same cut points as without it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

from gemtap.body import (
    MAX_INSERTED_NESTING,
    ParsedBody,
    gives_back,
    gives_back_around,
    is_deeper_than,
    parse_body,
    parse_body_with,
)
from gemtap.dialects.cut_points import Span, cuts_of
from gemtap.interaction import Json
from gemtap.reuse import Reusable, remembered

_SMALLEST: Final = 6_000
"""Bytes of a body. Smaller ones are parsed in less time than it takes to look for an earlier one."""

_LARGEST: Final = 8 * 2**20

_REMEMBERED_BYTES: Final = 32 * 2**20
"""Bytes of bodies that are remembered. Their values take two to three times as much memory."""

_ALIKE: Final = 64
"""Bytes at the beginning that a body has in common with the one before it. Only those are compared further."""

_COMPARED: Final = 16
"""Bodies that begin alike, the latest ones, among which the one before is looked for."""

_FIRST_STEP: Final = 4_096
"""Bytes that are compared at first; then twice as many, and so on."""


class _Part(NamedTuple):
    """A message, or another value around which bodies are cut."""

    span: Span
    value: Reusable


@dataclass(frozen=True, slots=True)
class _Remembered:
    raw: bytes
    parts: list[tuple[int, _Part]]
    """With their starts, ascending."""


class ResentBodies:
    """Parses bodies and remembers the latest. To be used by one thread at a time."""

    wants_gives_back = False
    """Whether to find out what `gemtap.body.gives_back` says, where nothing is missing in the value."""

    def __init__(self, remembered_bytes: int = _REMEMBERED_BYTES, smallest: int = _SMALLEST) -> None:
        """Bodies of at least `smallest` bytes are remembered, up to so many bytes together."""
        self._limit = remembered_bytes
        self._smallest = smallest
        self._bodies: OrderedDict[bytes, list[_Remembered]] = OrderedDict()
        """By their beginnings, in the order in which they were used last. The latest of those that begin alike is the
        last one."""
        self._bytes = 0

    def parse(self, raw: bytes) -> ParsedBody:
        """What `parse_body` returns, for bodies that are large enough with cut points and, if wanted, `gives_back`."""
        if not self._smallest <= len(raw) <= _LARGEST:
            return parse_body(raw)
        before, prefix, suffix = self._nearest(raw)
        known = dict(_shared(before, raw, prefix, suffix)) if before is not None else {}
        cuts = cuts_of(raw, {start: part.span for start, part in known.items()})
        parts = _parts(raw, cuts.spans, known)
        parsed = None
        if parts is not None:
            inserted = [(start, start + part.span.size, _value(part)) for start, part in parts]
            parsed = parse_body_with(raw, inserted)
        if parts is None or parsed is None:
            return replace(parse_body(raw), cuts=tuple(cuts.points))
        if parts:
            # What goes on from the body before it takes its place.
            self._remember(_Remembered(raw, parts), before if before and 2 * prefix >= len(before.raw) else None)
        judgement = _gives_back(raw, parts) if self.wants_gives_back and not parsed.incomplete else None
        return replace(parsed, cuts=tuple(cuts.points), gives_back=judgement)

    def clear(self) -> None:
        """Forget everything."""
        self._bodies.clear()
        self._bytes = 0

    def _nearest(self, raw: bytes) -> tuple[_Remembered | None, int, int]:
        """The body that has most in common with this one, and how many bytes at the beginning and at the end."""
        found: tuple[_Remembered | None, int, int] = (None, 0, 0)
        for body in reversed(self._bodies.get(raw[:_ALIKE], ())[-_COMPARED:]):
            prefix = _common_prefix(body.raw, raw)
            if prefix > found[1]:
                found = body, prefix, 0
                if prefix == len(body.raw) or 10 * prefix > 9 * len(body.raw):
                    break
        before, prefix, _ = found
        return (before, prefix, _common_suffix(before.raw, raw)) if before is not None else found

    def _remember(self, body: _Remembered, replaced: _Remembered | None) -> None:
        beginning = body.raw[:_ALIKE]
        alike = [each for each in self._bodies.pop(beginning, []) if each is not replaced]
        self._bytes += len(body.raw) - (len(replaced.raw) if replaced is not None else 0)
        self._bodies[beginning] = [*alike, body]
        while self._bytes > self._limit:
            oldest, bodies = next(iter(self._bodies.items()))
            self._bytes -= len(bodies.pop(0).raw)
            if not bodies:
                del self._bodies[oldest]


def _shared(before: _Remembered, raw: bytes, prefix: int, suffix: int) -> Iterator[tuple[int, _Part]]:
    """The parts of the body before that are in this one, byte by byte, with their starts in this one."""
    shift = len(raw) - len(before.raw)
    first_of_suffix = len(before.raw) - suffix
    for start, part in before.parts:
        if start + part.span.size <= prefix:
            yield start, part
        elif start >= first_of_suffix:
            yield start + shift, part


def _parts(raw: bytes, spans: list[tuple[int, Span]], known: Mapping[int, _Part]) -> list[tuple[int, _Part]] | None:
    """The parts of a body: those that are known, and the others parsed. None if one is no JSON, or is not complete."""
    parts = []
    for start, span in spans:
        part = known.get(start)
        if part is None or part.span is not span:
            piece = raw[start : start + span.size]
            if piece[:1] not in b'{"':
                return None
            parsed = parse_body(piece)
            if not parsed.is_json or parsed.incomplete or is_deeper_than(MAX_INSERTED_NESTING, parsed.value):
                return None
            part = _Part(span, Reusable(parsed.value))
        parts.append((start, part))
    return parts


def _gives_back(raw: bytes, parts: list[tuple[int, _Part]]) -> bool:
    """What `gives_back` says of the body, by what it says of each part."""
    for start, part in parts:
        if not remembered(part.value.results, _part_gives_back, partial(_part_gives_back, raw, start, part)):
            return False
    return gives_back_around(raw, [(start, start + part.span.size) for start, part in parts])


def _part_gives_back(raw: bytes, start: int, part: _Part) -> bool:
    return gives_back(_value(part), raw[start : start + part.span.size])


def _value(part: _Part) -> Json:
    value: Json = part.value.value
    return value


def _common_prefix(one: bytes, other: bytes) -> int:
    """The number of bytes at the beginning that are equal."""
    return _equal_up_to(min(len(one), len(other)), lambda low, high: one[low:high] == other[low:high])


def _common_suffix(one: bytes, other: bytes) -> int:
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
