"""The cache of whole days, so that statistics of a year need not count every interaction again.

A store caches the parts of a past day, by one field, when statistics first need them. It invalidates them when an
interaction of that day is stored, changed or deleted. Nothing refers to them, and deleting them loses nothing.

Cached days have a version, and a store uses only those of `VERSION`. So a newer and an older Gemtap can use one store
at the same time: each has its own, and neither reads nor replaces the other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgpack

from gemtap.stores.paging import from_milliseconds, milliseconds
from gemtap.stores.query.filter import Filter, Within
from gemtap.stores.statistics import Bucket, Grouping, Part

VERSION: Final = 2
"""The version of cached days: of what is counted, how it is counted, and the format of `pack`.

Raise it with every change of these, and with every new statistic: days cached by other versions are counted again.
"""

DAY: Final = timedelta(days=1)
_DAY_MS: Final = DAY // timedelta(milliseconds=1)
_MOMENT: Final = timedelta(microseconds=1)

_LONGEST: Final = 20 * 366 * DAY
"""A longer period means that a recorder's clock was wrong at some point, and nearly all of its days are empty."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `first` up to but not including `end`, each a datetime at midnight (UTC)."""

    first: datetime
    end: datetime

    def __iter__(self) -> Iterator[datetime]:
        return (self.first + number * DAY for number in range((self.end - self.first) // DAY))

    @property
    def where(self) -> Filter:
        """The filter for the interactions of these days."""
        return Filter(since=self.first, until=self.end)


@dataclass(frozen=True, slots=True)
class Split:
    """A query in two parts: the days that the cache can answer, and filters for the other interactions."""

    days: Span | None
    rest: tuple[Filter, ...]


def split(where: Filter, oldest: datetime | None, newest: datetime | None) -> Split:
    """Split a query; `oldest` and `newest` are the times of the first and the last interaction in the store.

    The cache answers only queries for all interactions of a period. The day of the newest interaction is never cached:
    it would soon be invalid.
    """
    since, until, is_exact = bounds(where)
    if not is_exact or newest is None or oldest is None:
        return Split(None, (where,))
    # There is nothing before the oldest and after the newest interaction, so their days are complete.
    first = midnight(oldest) if since is None or since <= oldest else midnight(since + DAY - _MOMENT)
    end = midnight(newest if until is None else min(until, newest))
    if not DAY <= end - first <= _LONGEST:
        return Split(None, (where,))
    days = Span(first, end)
    return Split(days, (Filter(*where.terms, until=first), Filter(*where.terms, since=end)))


def bounds(where: Filter) -> tuple[datetime | None, datetime | None, bool]:
    """The period that contains all matches, without its end, and whether the filter has no other condition."""
    since: datetime | None = None
    until: datetime | None = None
    is_exact = True
    for term in where.terms:
        match term.tests:
            case (Within(at_least, None, None, below),) if term.field == "time" and not term.negated:
                if isinstance(at_least, datetime):
                    since = max(since or at_least, at_least)
                if isinstance(below, datetime):
                    until = min(until or below, below)
            case _:
                is_exact = False
    return since, until, is_exact


def midnight(moment: datetime) -> datetime:
    """Start of the day (UTC) of a time."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def runs(days: Iterable[datetime], *, longest: int) -> Iterator[Span]:
    """Ascending days, grouped into spans of consecutive days."""
    span: Span | None = None
    for day in days:
        if span is not None and span.end == day and (span.end - span.first) // DAY < longest:
            span = Span(span.first, day + DAY)
            continue
        if span is not None:
            yield span
        span = Span(day, day + DAY)
    if span is not None:
        yield span


def by_day(span: Span, parts: Iterable[Part]) -> Mapping[datetime, list[Part]]:
    """The parts of each of the days."""
    found: dict[datetime, list[Part]] = {day: [] for day in span}
    for part in parts:
        found[midnight(from_milliseconds(part.start))].append(part)
    return found


def kept_as(by: Grouping | None, bucket: Bucket | None) -> str:
    """The name of a cached day's parts. Parts by hour have a name of their own."""
    return f"{by or ''}{' by hour' if bucket == 'hour' else ''}"


def pack(parts: Iterable[Part]) -> bytes:
    """Encode the parts of one day, uncompressed: durations hardly compress."""
    packed: bytes = msgpack.packb([(part.start % _DAY_MS, *part[1:]) for part in parts])
    return packed


def unpack(day: datetime, packed: bytes) -> list[Part]:
    """Decode the parts that `pack` encoded."""
    midnight_ms = milliseconds(day)
    return [Part(midnight_ms + start, *part) for start, *part in msgpack.unpackb(packed)]
