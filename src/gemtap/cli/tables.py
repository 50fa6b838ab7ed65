"""Tables that fit their terminal: columns by priority, numbers whole, texts shortened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

Wide = Annotated[bool, typer.Option("--wide", "-w", help="All columns, with whole texts; the pager scrolls sideways.")]

Cell = Text | Bar

LONGEST: Final = 200
"""Characters of the longest text in a table."""

_LONGEST_IN_PIPES: Final = 60

_GAP: Final = 2
_SHORTEST_TEXT: Final = 14
"""Columns of a terminal below which a text is left out rather than shortened further."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    rank: int
    """The columns with the greatest ranks are left out where a terminal is too narrow."""
    kind: Literal["number", "word", "text"] = "word"
    """Only a `text` may be shortened."""


def table_of(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None = None) -> Table:
    """A table for a terminal of this width, in characters; with all columns and whole texts if the width is None."""
    shown = range(len(columns)) if width is None else fitting(columns, rows, width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for place in shown:
        column = columns[place]
        table.add_column(
            column.title,
            justify="right" if column.kind == "number" else "left",
            # rich narrows only columns that may wrap, and takes the widest first.
            no_wrap=column.kind != "text" or width is None,
        )
    for row in rows:
        table.add_row(*(_on_one_line(row[place]) for place in shown))
    return table


def room_in(out: Console, *, wide: bool) -> tuple[int | None, int]:
    """The width for a table, and the characters of its longest text. A file or a pipe gets every column."""
    if wide:
        return None, LONGEST
    return (out.width, LONGEST) if out.is_terminal else (None, _LONGEST_IN_PIPES)


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """The places of the columns that fit, by rank; the first rank always does."""
    left = width
    shown: list[int] = []
    for place in sorted(range(len(columns)), key=lambda place: columns[place].rank):
        needed = max((_width_of(row[place]) for row in rows), default=0)
        needed = max(needed, len(columns[place].title))
        if columns[place].kind == "text":
            needed = min(needed, _SHORTEST_TEXT)
        needed += _GAP if shown else 0
        if shown and needed > left:
            continue
        left -= needed
        shown.append(place)
    return sorted(shown)


def _width_of(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell.width or 0


def _on_one_line(cell: Cell) -> Cell:
    if isinstance(cell, Text):
        cell.no_wrap, cell.overflow = True, "ellipsis"
    return cell
