"""`gemtap stats --by tool`: calls, failures, times and cost of tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from gemtap.cli.printing import dollars, one_line
from gemtap.cli.tables import Cell, Column, table_of

if TYPE_CHECKING:
    from gemtap.stores.statistics import ToolRow

_BAR: Final = 24
"""Width of a bar, in columns."""

_COLUMNS: Final = (
    Column("tool", 0, "text"),
    Column("calls", 1, "number"),
    Column("results", 6, "number"),
    Column("failed", 2, "number"),
    Column("median s", 3, "number"),
    Column("p95 s", 5, "number"),
    Column("cost", 4, "number"),
)

TOOL_CHARTS: Final[dict[str, Callable[[ToolRow], float]]] = {
    "requests": lambda row: row["calls"],
    "errors": lambda row: row["failed"] or 0,
    "cost": lambda row: row["cost"] or 0,
    "duration": lambda row: row["time_ms"]["p50"] or 0,
}
"""What charts of tools can show, by the names of `--chart`."""


def tool_table(rows: Sequence[ToolRow], chart: str, width: int | None) -> Table:
    """One row per tool, with a bar relative to the greatest. `chart` is a name of `TOOL_CHARTS`."""
    values = [TOOL_CHARTS[chart](row) for row in rows]
    bars = [Bar(max(values) or 1, 0, value, width=_BAR, color="cyan") for value in values]
    cells: list[list[Cell]] = [[*_cells(row), bar] for row, bar in zip(rows, bars, strict=True)]
    return table_of((*_COLUMNS, Column("calls" if chart == "requests" else chart, 9)), cells, width)


def _cells(row: ToolRow) -> list[Text]:
    time = row["time_ms"]
    return [
        Text("unknown", "dim") if row["tool"] is None else one_line(row["tool"], 40),
        Text(f"{row['calls']:,}"),
        Text(f"{row['results']:,}"),
        _failed(row),
        Text(_seconds(time["p50"])),
        Text(_seconds(time["p95"])),
        Text("?", "dim") if row["cost"] is None else Text(dollars(row["cost"])),
    ]


def _failed(row: ToolRow) -> Text:
    """The number of failures; a question mark if the API has no marker for them."""
    if row["failed"] is None:
        return Text("?" if row["results"] else "–", "dim")
    return Text(f"{row['failed']:,}", "red" if row["failed"] else "dim")


def _seconds(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.2f}"
