"""Formats results as Markdown and writes them into docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table. All columns except the first are right-aligned."""
    alignment = ["---", *["---:"] * (len(titles) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (titles, alignment, *rows))


def write_between_markers(page: Path, text: str, *, part: str = "bench") -> None:
    """Replace the text between the markers of a section. Raises ValueError if they are missing."""
    begin, end = f"<!-- {part}: written by `make {part}` from here -->", f"<!-- {part}: to here -->"
    before, begun, rest = page.read_text("utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{page} has not both lines {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{text.rstrip()}\n\n{end}{after}", "utf-8")
