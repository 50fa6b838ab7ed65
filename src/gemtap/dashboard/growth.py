"""Context, cost and duration of a thread by turn, as column charts that the server draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gemtap.dashboard import filters
from gemtap.dashboard.turns import Turn
from gemtap.interaction import Json

_MOST_COLUMNS: Final = 200
"""Maximum number of columns. In longer threads, a column stands for several turns and shows the largest of them."""

_FEWEST_SLOTS: Final = 12
"""Minimum number of slots that share the width, so that the column of a single turn is no block."""

_SLOT: Final = 10
"""Width of a column with its gap, in units of the chart."""

_COLUMN: Final = 8
"""Width of a column, in the same units."""

_HEIGHT: Final = 1000
"""Height of a chart, in its units."""


@dataclass(frozen=True, slots=True)
class Bars:
    """All segments of one kind, as the path of an SVG element."""

    kind: str
    beside: bool
    """Whether they are of failed attempts and branches."""
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of the thread's columns."""

    title: str
    kinds: tuple[tuple[str, str], ...]
    """Labels of the segments' kinds."""
    top: str
    """The value at the chart's full height, in words."""
    told: tuple[str, ...]
    """The value of each column, in words."""
    bars: tuple[Bars, ...]


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of a thread that have data. Their columns stand for the same turns."""

    charts: tuple[Chart, ...]
    columns: tuple[Sequence[Turn], ...]
    """The turns of each column."""
    height: int = _HEIGHT
    """Height of a chart, in its units."""

    @property
    def slots(self) -> int:
        """Places for columns. Those at the end may be empty."""
        return max(len(self.columns), _FEWEST_SLOTS)

    @property
    def width(self) -> int:
        """Width of a chart, in its units."""
        return _SLOT * self.slots

    def to_script(self) -> list[Json]:
        """For each column the id of its first turn, and what it is called."""
        return [[turns[0].item["id"], _name_of(turns)] for turns in self.columns]


Parts = list[tuple[str, float]]

_CONTEXT_KINDS: Final = (("cached", "cached"), ("cache-write", "written to the cache"), ("input", "new input"))


def charts_of(turns: Sequence[Turn]) -> Charts:
    """The charts of the turns, in their order."""
    each = max(1, -(-len(turns) // _MOST_COLUMNS))
    columns = tuple(turns[at : at + each] for at in range(0, len(turns), each))
    charts = (
        _chart("Context", columns, _context, _CONTEXT_KINDS, lambda tokens: f"{filters.count(round(tokens))} tokens"),
        _chart("Cost", columns, _cost, (("cost", "cost"),), filters.dollars),
        _chart("Time", columns, _time, (("wait", "time to first byte"), ("output", "answer")), filters.duration),
    )
    return Charts(tuple(chart for chart in charts if chart is not None), columns)


def _name_of(turns: Sequence[Turn]) -> str:
    if len(turns) > 1:
        return f"turns {turns[0].number} to {turns[-1].number}, the largest"
    (turn,) = turns
    return f"turn {turn.number}" + ("" if turn.kind == "way" else f", {turn.kind}")


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
    columns: Sequence[Sequence[Turn]],
    parts_of: Callable[[dict[str, Any]], Parts],
    kinds: tuple[tuple[str, str], ...],
    in_words: Callable[[float], str],
) -> Chart | None:
    """A chart of the largest turn of each column, or None without values."""
    shown = [
        max(((_sum(parts := parts_of(turn.item)), parts, turn) for turn in turns), key=_first) for turns in columns
    ]
    top = max((value for value, *_ in shown), default=0)
    if top <= 0:
        return None
    paths: dict[tuple[str, bool], list[str]] = {}
    for place, (_, parts, turn) in enumerate(shown):
        bottom = _HEIGHT
        for kind, number in parts:
            height = round(_HEIGHT * number / top)
            if height:
                bottom -= height
                bar = f"M{place * _SLOT + 1} {bottom}h{_COLUMN}v{height}h-{_COLUMN}z"
                paths.setdefault((kind, turn.kind != "way"), []).append(bar)
    bars = tuple(Bars(kind, beside, "".join(path)) for (kind, beside), path in paths.items())
    return Chart(title, kinds, in_words(top), tuple(in_words(value) for value, *_ in shown), bars)


def _sum(parts: Parts) -> float:
    return sum(number for _, number in parts)


def _first(shown: tuple[float, Parts, Turn]) -> float:
    return shown[0]
