"""Measurements as Markdown, and the parts of docs/performance.md that benchmarks write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns, but for the first, are of numbers."""
    alignment = ["---", *["---:"] * (len(titles) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (titles, alignment, *rows))


def write_between_markers(page: Path, text: str, *, part: str = "bench") -> None:
    """Replace what is between the markers of a part; what people wrote around them stays. Raises ValueError without."""
    begin, end = f"<!-- {part}: written by `make {part}` from here -->", f"<!-- {part}: to here -->"
    before, begun, rest = page.read_text("utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{page} has not both lines {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{text.rstrip()}\n\n{end}{after}", "utf-8")
