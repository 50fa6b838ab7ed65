"""Statistics of tools: how often models call them, how often they fail, how long they take, and what follows costs.

They are counted in parts and cached by day as other statistics are. The counts of a part are those of `TOOL_COUNTS`.
A cached day keeps its times if a turn of another day that called the tools is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gemtap.stores.statistics import TOOL_COUNTS, Part, ToolRow, floats
from gemtap.stores.statistics.aggregate import percentiles

_DAY: Final = 86_400_000


class Brought(NamedTuple):
    """One interaction with calls or results."""

    timestamp: int
    """In milliseconds since 1970."""
    tool_use: Any
    """See `interaction.ToolUse`."""
    has_failed: bool
    cost: float | None
    called_at: float | None
    """The end of the response that it continues, in milliseconds since 1970; None if that is unknown."""


@dataclass(slots=True)
class _Tool:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOOL_COUNTS, 0))
    cost: float = 0.0
    times: list[float] = field(default_factory=list)

    def add_result(self, result: Any, share: float | None, time: float | None) -> None:
        number = result["times"]
        self.counts["results"] += number
        if result["failed"] is not None:
            self.counts["marked"] += number
            self.counts["failed"] += result["failed"]
        if share is not None:
            self.counts["priced"] += number
            self.cost += share * number
        if time is not None:
            self.times += [time] * number


def parts_of(interactions: Iterable[Brought]) -> list[Part]:
    """The parts of each day and tool."""
    tools: defaultdict[tuple[int, str | None], _Tool] = defaultdict(_Tool)
    for each in interactions:
        day = each.timestamp // _DAY * _DAY
        for call in each.tool_use["calls"]:
            tools[day, call["name"]].counts["calls"] += call["times"]
        results = [] if each.has_failed else each.tool_use["results"]
        number = sum(result["times"] for result in results)
        for result in results:
            share = None if each.cost is None else each.cost / number
            time = None if each.called_at is None else max(0.0, each.timestamp - each.called_at)
            tools[day, result["name"]].add_result(result, share, time)
    return [
        Part(day, name, list(tool.counts.values()), tool.cost, 0.0, floats(tool.times), b"")
        for (day, name), tool in tools.items()
    ]


def tool_rows(parts: Iterable[Part]) -> Sequence[ToolRow]:
    """The rows of these parts, the tool that was called most first."""
    by_tool: defaultdict[str | None, list[Part]] = defaultdict(list)
    for part in parts:
        by_tool[part.key].append(part)
    rows = [_row(name, of_tool) for name, of_tool in by_tool.items()]
    return sorted(rows, key=lambda row: (-row["calls"], -row["results"], row["tool"] or ""))


def _row(name: str | None, parts: Sequence[Part]) -> ToolRow:
    sums = [sum(numbers) for numbers in zip(*(part.counts for part in parts), strict=True)]
    count = dict(zip(TOOL_COUNTS, sums, strict=True))
    return {
        "tool": name,
        "calls": count["calls"],
        "results": count["results"],
        "marked": count["marked"],
        "failed": count["failed"] if count["marked"] else None,
        "cost": sum(part.cost for part in parts) if count["priced"] else None,
        "priced": count["priced"],
        "time_ms": percentiles([part.durations for part in parts]),
    }
