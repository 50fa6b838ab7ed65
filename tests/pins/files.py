"""The files of expectations: one line a sample, so that a change of one reads as a change of one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.pins.values import Pins

FOLDER = Path(__file__).parent / "expected"


def path_of(group: str) -> Path:
    """Where the expectations of a group are."""
    return FOLDER / f"{group}.jsonl"


def write(group: str, pins: Pins) -> None:
    """Replace the expectations of a group."""
    lines = [json.dumps([name, pinned], ensure_ascii=True, separators=(",", ":")) for name, pinned in pins.items()]
    path_of(group).write_text("\n".join(lines) + "\n", "utf-8")


def read(group: str) -> Pins:
    """The expectations of a group."""
    return dict(json.loads(line) for line in path_of(group).read_text("utf-8").splitlines())


def differences(old: Pins, new: Pins) -> list[str]:
    """One line for each field that differs: the sample, the field, the old and the new value."""
    return list(_differing("", old, json.loads(json.dumps(new))))


def _differing(place: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            where = f"{place} › {name}" if place else name
            if name not in new:
                yield f"{where}: gone, was {_shown(old[name])}"
            elif name not in old:
                yield f"{where}: new, is {_shown(new[name])}"
            else:
                yield from _differing(where, old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differing(f"{place}[{number}]", before, after)
    elif old != new:
        yield f"{place}: was {_shown(old)}, is {_shown(new)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"
