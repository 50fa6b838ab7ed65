"""What is kept of whole days, so that statistics of a year need not count every interaction of it again.

For a day that is over a store keeps the parts of its statistics by one field, once they have been asked for. They are
good for as long as nothing changes among the interactions of that day: a store sees to it that then they no longer
count. Nothing else refers to them, and nothing is lost with them.

A store keeps the version of what counted them with them, and uses only those of `VERSION`. So a newer and an older
Gemtap can use one store at the same time: each keeps its own, and neither reads nor replaces the other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgpack

from gemtap.stores.paging import from_milliseconds, milliseconds
from gemtap.stores.query.filter import Filter, Within
from gemtap.stores.statistics import Bucket, By, Part

VERSION: Final = 1
"""The version of the parts that are kept: of what is counted, of how it is counted, and of what `pack` makes of it.

Raise it with every change of these, and with every new statistic: days kept by other versions are counted anew then.
"""

DAY: Final = timedelta(days=1)
_DAY_MS: Final = DAY // timedelta(milliseconds=1)
_MOMENT: Final = timedelta(microseconds=1)

_LONGEST: Final = 20 * 366 * DAY
"""A longer time means that the clock of a recorder was wrong once: nearly all of its days are empty."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days from the first up to and without the last; each a datetime at midnight (UTC)."""

    first: datetime
    end: datetime

    def __iter__(self) -> Iterator[datetime]:
        return (self.first + number * DAY for number in range((self.end - self.first) // DAY))

    @property
    def where(self) -> Filter:
        """Which interactions began in them."""
        return Filter(since=self.first, until=self.end)


@dataclass(frozen=True, slots=True)
class Split:
    """A question in two: what kept days can answer, and for what the interactions have to be counted."""

    days: Span | None
    rest: tuple[Filter, ...]


def split(where: Filter, oldest: datetime | None, newest: datetime | None) -> Split:
    """The question in two; `oldest` and `newest` are the times of the first and the last interaction that there are.

    Only a question for all that began within a time is answered by days. The day of the newest is never kept: as long
    as it goes on it would only be to be thrown away again.
    """
    bounds = _bounds(where)
    if bounds is None or newest is None or oldest is None:
        return Split(None, (where,))
    since, until = bounds
    # Before the oldest and after the newest there is nothing, so that their days are whole.
    first = midnight(oldest) if since is None or since <= oldest else midnight(since + DAY - _MOMENT)
    end = midnight(newest if until is None else min(until, newest))
    if not DAY <= end - first <= _LONGEST:
        return Split(None, (where,))
    days = Span(first, end)
    return Split(days, (Filter(*where.terms, until=first), Filter(*where.terms, since=end)))


def _bounds(where: Filter) -> tuple[datetime | None, datetime | None] | None:
    """The times between which everything is asked for, the second left out; None where anything else is asked."""
    since: datetime | None = None
    until: datetime | None = None
    for term in where.terms:
        match term.tests:
            case (Within(at_least, None, None, below),) if term.field == "time" and not term.negated:
                if isinstance(at_least, datetime):
                    since = max(since or at_least, at_least)
                if isinstance(below, datetime):
                    until = min(until or below, below)
            case _:
                return None
    return since, until


def midnight(moment: datetime) -> datetime:
    """Where the day (UTC) of a moment begins."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def runs(days: Iterable[datetime], *, longest: int) -> Iterator[Span]:
    """The days, ascending, as spans of those that follow one another."""
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


def kept_as(by: By | None, bucket: Bucket | None) -> str:
    """The name under which the parts of a day are kept that answer this: those by the hour apart."""
    return f"{by or ''}{' by hour' if bucket == 'hour' else ''}"


def pack(parts: Iterable[Part]) -> bytes:
    """The parts of one day. Compressing them would be of little use: times are nearly noise."""
    packed: bytes = msgpack.packb([(part.start % _DAY_MS, *part[1:]) for part in parts])
    return packed


def unpack(day: datetime, packed: bytes) -> list[Part]:
    """The parts that `pack` was given."""
    midnight_ms = milliseconds(day)
    return [Part(midnight_ms + start, *part) for start, *part in msgpack.unpackb(packed)]
