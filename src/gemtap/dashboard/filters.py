"""The filters by which templates show numbers, durations, amounts of money and JSON."""

from __future__ import annotations

import json
import math
from typing import Final, NamedTuple

from gemtap.interaction import Json

_SHOWN: Final = 200_000
"""Characters of a body that a page shows. The whole of it is a link away."""


def count(number: int | None) -> str:
    """`1 234 567`; empty for None."""
    return "" if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(milliseconds: float | None) -> str:
    """`3 ms`, `1.35 s`, `12.4 s`, `2 min 05 s`; empty for None."""
    if milliseconds is None:
        return ""
    if round(milliseconds) < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if round(seconds, 2) < 10:
        return f"{seconds:.2f} s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60:02} s"


def dollars(usd: float | None) -> str:
    """`$12.34`, `$0.0123`, `$0.000012`: so many digits that something is seen. Empty for None."""
    if usd is None:
        return ""
    if usd >= 1 or usd == 0:
        return f"${usd:,.2f}"
    return f"${usd:.{min(8, 1 - math.floor(math.log10(usd)))}f}"


def size(number: float | None) -> str:
    """Bytes as a person reads them: `900 B`, `12.3 kB`, `4.0 MB`; empty for None."""
    if number is None:
        return ""
    value, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def along(milliseconds: float | None) -> float:
    """Where a duration stands between 10 ms and 2 minutes, in percent of a logarithmic scale."""
    if not milliseconds or milliseconds <= 10:
        return 1.0
    return round(min(100 * math.log10(milliseconds / 10) / math.log10(12_000), 100), 1)


_UNFOLDED: Final = 16
"""Lines of a tool's result that are shown at first."""

_UNFOLDED_CHARACTERS: Final = 2_000
"""Characters of a tool's result that are shown at first."""


class Shown(NamedTuple):
    """A value as a page shows it."""

    text: str
    cut: bool
    """Whether the text is only the beginning."""


class Folded(NamedTuple):
    """A long text as its beginning and the rest."""

    head: str
    rest: str
    """Empty if the text is short."""
    more: str
    """How much the rest is, such as `12 more lines`."""


def folded(text: str, most: int = _UNFOLDED, longest: int = _UNFOLDED_CHARACTERS) -> Folded:
    """The first lines of a text and the rest of it. A few more than that are not worth folding."""
    lines = text[: 2 * longest].splitlines(keepends=True)
    head = "".join(lines[:most]) if len(lines) > most + most // 2 else text
    if len(head) > longest + longest // 2:
        head = head[:longest]
    rest = text[len(head) :]
    number = len(rest.splitlines())
    more = f"{count(number)} more lines" if number > 1 else f"{count(len(rest))} more characters"
    return Folded(head, rest, more)


def pretty(value: Json, longest: int = _SHOWN) -> Shown:
    """A value as indented text, shortened to what a page shows. Only the shown part of a long value is rendered."""
    if isinstance(value, str):
        return Shown(value[:longest], len(value) > longest)
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > longest:
            break
    return Shown("".join(pieces)[:longest], length > longest)
