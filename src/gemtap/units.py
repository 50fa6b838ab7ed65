"""Amounts as people write them: how old, `90d`, and how much, `5GB`."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

_AGES: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_SIZES: Final = {
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", 1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", 1)},
}
_MOST_DAYS: Final = 365_000


def parse_age(text: str) -> timedelta:
    """How long `90d`, `12h`, `2w` or `1y` is. Raises ValueError, in words."""
    found = re.fullmatch(r"(\d{1,7})([mhdwy])", text.strip(), re.ASCII)
    try:
        length = int(found[1]) * _AGES[found[2]] if found else None
    except OverflowError:
        length = None
    if length is None or length > timedelta(days=_MOST_DAYS):
        raise ValueError("must be like 90d: a number, and m, h, d, w or y for its unit")
    return length


def parse_size(text: str) -> int:
    """How many bytes `5GB`, `500MB` or `4GiB` are. Raises ValueError, in words.

    A number alone is refused: whoever means gigabytes by `--max-size 5` would lose everything.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([a-z]{0,3})", text.strip().lower(), re.ASCII)
    if found is None or found[2] not in _SIZES:
        raise ValueError("must be like 5GB: a number, and B, kB, MB, GB or TB, or KiB, MiB, GiB or TiB")
    return int(Decimal(found[1]) * _SIZES[found[2]])


def format_size(count: int) -> str:
    """So many bytes, for people: `1.2 GB`."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
