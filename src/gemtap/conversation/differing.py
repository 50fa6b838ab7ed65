"""Which lines of two texts differ, folded to what a person wants to see of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

_AROUND: Final = 3
"""Lines that are the same and are shown before and after those that are not."""

_MOST_COMPARED: Final = 20_000
"""Lines of two texts that are compared one by one; of longer ones all that differs is one change."""

_MOST_LINES: Final = 400
"""Lines that one change shows."""

_MOST_CHARACTERS: Final = 40_000
"""Characters that one change shows, and the rest of the line that they end in."""

_LONGEST_LINE: Final = 2_000
"""Characters of a line that are shown, around where it changed."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text that changed."""

    kind: Literal["same", "removed", "added", "left_out"]
    text: str
    """For `left_out`, the number of lines."""
    marked: tuple[int, int] = (0, 0)
    """From which character to which it differs from the line that it took the place of."""


def opcodes(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """As difflib gives them; what is the same at both ends is found without it, which takes most of the time away."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    codes: list[tuple[str, int, int, int, int]] = [("equal", 0, start, 0, start)] if start else []
    if len(old) + len(new) > _MOST_COMPARED:
        codes.append(("replace", start, start + len(old), start, start + len(new)))
    else:
        found = SequenceMatcher(None, old, new).get_opcodes()
        codes += [(tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in found]
    if end:
        codes.append(("equal", len(before) - end, len(before), len(after) - end, len(after)))
    return codes


def line_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    """The lines that differ, with a few around them; the rest is left out."""
    room = _MOST_CHARACTERS
    for shown, line in enumerate(_folded(before, after)):
        if shown == _MOST_LINES or room <= 0:
            yield Line("left_out", "more")
            return
        yield (short := _shortened(line))
        room -= len(short.text)


def _folded(before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    codes = opcodes(before, after)
    for number, (tag, i1, i2, j1, j2) in enumerate(codes):
        if tag != "equal":
            yield from _replaced(before[i1:i2], after[j1:j2])
            continue
        head = 0 if number == 0 else _AROUND
        tail = 0 if number == len(codes) - 1 else _AROUND
        if i2 - i1 <= head + tail + 1:
            yield from (Line("same", line) for line in before[i1:i2])
            continue
        yield from (Line("same", line) for line in before[i1 : i1 + head])
        yield Line("left_out", str(i2 - i1 - head - tail))
        yield from (Line("same", line) for line in before[i2 - tail : i2])


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    marks = [_marks(*pair) for pair in zip(old, new, strict=True)] if len(old) == len(new) else []
    for number, line in enumerate(old):
        yield Line("removed", line, marks[number][0] if marks else (0, 0))
    for number, line in enumerate(new):
        yield Line("added", line, marks[number][1] if marks else (0, 0))


def _marks(old: str, new: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where two lines differ; nowhere in particular if they have little in common."""
    most = min(len(old), len(new))
    start = next((n for n in range(most) if old[n] != new[n]), most)
    end = next((n for n in range(most - start) if old[-1 - n] != new[-1 - n]), most - start)
    if (start + end) * 3 < most:
        return (0, 0), (0, 0)
    return (start, len(old) - end), (start, len(new) - end)


def _shortened(line: Line) -> Line:
    if len(line.text) <= _LONGEST_LINE:
        return line
    start = max(0, line.marked[0] - _LONGEST_LINE // 4)
    text = line.text[start : start + _LONGEST_LINE]
    before = "…" if start else ""
    after = "…" if start + len(text) < len(line.text) else ""
    begin, end = (min(max(0, mark - start), len(text)) + len(before) for mark in line.marked)
    return Line(line.kind, before + text + after, (begin, end) if line.marked != (0, 0) else (0, 0))
