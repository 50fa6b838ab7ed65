"""Context, cost and duration of a thread by turn, as column charts that the server draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gemtap.dashboard.turns import Turn

_WIDEST: Final = 3.0
"""Maximum width of a column in percent, for threads of few turns."""

_GAP: Final = 0.15
"""Width of a column as a share of its slot."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment of a column, in percent of the chart's height from its top."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """The column of one turn."""

    turn: Turn
    x: float
    width: float
    value: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The columns of all turns, and the value at the chart's full height."""

    title: str
    unit: str
    """The unit: `tokens`, `dollars` or `milliseconds`."""
    top: float
    columns: tuple[Column, ...]
    kinds: tuple[tuple[str, str], ...]
    """Labels of the segments' kinds."""


_CONTEXT_KINDS: Final = (("cached", "cached"), ("cache-write", "written to the cache"), ("input", "new input"))


def charts_of(turns: Sequence[Turn]) -> list[Chart]:
    """The charts that have data."""
    charts = [
        _chart("Context", "tokens", turns, _context, _CONTEXT_KINDS),
        _chart("Cost", "dollars", turns, _cost, (("cost", "cost"),)),
        _chart("Time", "milliseconds", turns, _time, (("wait", "time to first byte"), ("output", "answer"))),
    ]
    return [chart for chart in charts if chart.top > 0]


Parts = list[tuple[str, float]]


def _context(item: dict[str, Any]) -> Parts:
    sent = item["tokens"]["input"] or 0
    cached = min(item["tokens"]["cached"] or 0, sent)
    written = min(item["tokens"].get("cache_write") or 0, sent - cached)
    return [("cached", cached), ("cache-write", written), ("input", sent - cached - written)]


def _cost(item: dict[str, Any]) -> Parts:
    return [("cost", (item["cost"]["usd"] or 0) if item["cost"] else 0)]


def _time(item: dict[str, Any]) -> Parts:
    whole = item["request_duration_ms"] or 0
    first = min(item["timing"]["first_byte_ms"] or whole, whole)
    return [("wait", first), ("output", whole - first)]


def _chart(
    title: str,
    unit: str,
    turns: Sequence[Turn],
    parts_of: Callable[[dict[str, Any]], Parts],
    kinds: tuple[tuple[str, str], ...],
) -> Chart:
    values = [parts_of(turn.item) for turn in turns]
    top = max((sum(number for _, number in parts) for parts in values), default=0)
    place = min(100 / max(len(turns), 1), _WIDEST)
    columns = [
        Column(turn, round(n * place, 3), round(place * (1 - _GAP), 3), sum(v for _, v in parts), _pieces(parts, top))
        for n, (turn, parts) in enumerate(zip(turns, values, strict=True))
    ]
    return Chart(title, unit, top, tuple(columns), kinds)


def _pieces(parts: Parts, top: float) -> tuple[Piece, ...]:
    pieces, y = [], 100.0
    for kind, number in parts:
        height = 100 * number / top if top else 0
        if height:
            y -= height
            pieces.append(Piece(kind, round(y, 2), round(height, 2)))
    return tuple(pieces)
