"""Bodies parsed with what an earlier body had already: agents send their whole conversation again with each turn.

The messages of a body that were in the body before it, byte by byte, have the same values, the same objects even, so
that what is computed of a message is computed once (see `gemtap.reuse`). Whatever is remembered, a body has the same
value and the same cut points as without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

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
from gemtap.latest_bodies import (
    REMEMBERED_BYTES,
    REMEMBERED_FROM,
    REMEMBERED_UP_TO,
    LatestBodies,
    Nearest,
    common_suffix,
)
from gemtap.reuse import Reusable, remembered


class _Part(NamedTuple):
    """A message, or another value around which bodies are cut."""

    span: Span
    value: Reusable


_Parts = list[tuple[int, _Part]]
"""With their starts, ascending."""


class ResentBodies:
    """Parses bodies and remembers the latest. To be used by one thread at a time."""

    wants_gives_back = False
    """Whether to find out what `gemtap.body.gives_back` says, where nothing is missing in the value."""

    def __init__(self, remembered_bytes: int = REMEMBERED_BYTES, smallest: int = REMEMBERED_FROM) -> None:
        """Bodies of at least `smallest` bytes are remembered, up to so many bytes together.

        Their values take two to three times as much memory.
        """
        self._latest: LatestBodies[_Parts] = LatestBodies(remembered_bytes)
        self._smallest = smallest

    def parse(self, raw: bytes) -> ParsedBody:
        """What `parse_body` returns, for bodies that are large enough with cut points and, if wanted, `gives_back`."""
        if not self._smallest <= len(raw) <= REMEMBERED_UP_TO:
            return parse_body(raw)
        nearest = self._latest.nearest(raw)
        known = dict(_shared(nearest, raw)) if nearest is not None else {}
        cuts = cuts_of(raw, {start: part.span for start, part in known.items()})
        parts = _parts(raw, cuts.spans, known)
        parsed = None
        if parts is not None:
            inserted = [(start, start + part.span.size, _value(part)) for start, part in parts]
            parsed = parse_body_with(raw, inserted)
        if parts is None or parsed is None:
            return replace(parse_body(raw), cuts=tuple(cuts.points))
        if parts:
            self._latest.remember(raw, parts, nearest)
        judgement = _gives_back(raw, parts) if self.wants_gives_back and not parsed.incomplete else None
        return replace(parsed, cuts=tuple(cuts.points), gives_back=judgement)

    def clear(self) -> None:
        """Forget everything."""
        self._latest.clear()


def _shared(before: Nearest[_Parts], raw: bytes) -> Iterator[tuple[int, _Part]]:
    """The parts of the body before that are in this one, byte by byte, with their starts in this one."""
    shift = len(raw) - len(before.raw)
    first_of_suffix = len(before.raw) - common_suffix(before.raw, raw)
    for start, part in before.known:
        if start + part.span.size <= before.prefix:
            yield start, part
        elif start >= first_of_suffix:
            yield start + shift, part


def _parts(raw: bytes, spans: list[tuple[int, Span]], known: Mapping[int, _Part]) -> _Parts | None:
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


def _gives_back(raw: bytes, parts: _Parts) -> bool:
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
