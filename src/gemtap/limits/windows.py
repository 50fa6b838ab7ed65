"""The windows in which limits count: fixed ones, in UTC. A month is one of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, get_args

Span = Literal["second", "minute", "hour", "day", "month"]

SPANS: Final[tuple[str, ...]] = get_args(Span)

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Window(NamedTuple):
    """One window of time."""

    start: int
    """Unix time in seconds; 0 for what has no window."""
    end: int
    """Unix time in seconds, at which the next window begins; 0 for what has none."""
    parity: int
    """0 or 1: neighbours differ."""


ALWAYS: Final = Window(0, 0, 0)
"""What concurrent requests are counted in."""


def window_at(span: Span | None, at: float) -> Window:
    """The window of this Unix time; `ALWAYS` without a span."""
    if span is None:
        return ALWAYS
    if span == "month":
        return _month_at(at)
    length = _SECONDS[span]
    number = int(at) // length
    return Window(number * length, (number + 1) * length, number & 1)


def window_from(span: Span | None, start: int) -> Window:
    """The window that begins at this Unix time."""
    return window_at(span, start)


def _month_at(at: float) -> Window:
    moment = datetime.fromtimestamp(at, UTC)
    number = moment.year * 12 + moment.month - 1
    return Window(_first_of(number), _first_of(number + 1), number & 1)


def _first_of(month: int) -> int:
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp())
