"""Files of JSON lines: Gemtap's own exports, and traces of claude-tap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Final

from gemtap.importers import claude_tap
from gemtap.importers.base import BadEntry, Entry, Line, ReadExchange

LONGEST_LINE: Final = 2**30
"""Bytes. Two bodies of `capture_max_body` (256 MiB) in Base64 have fewer."""


def read(file: IO[bytes]) -> Iterator[Entry]:
    """The lines, one at a time however long the file is. Empty ones do not count."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(2**20)
            yield Entry(f"line {number}", BadEntry(f"it is longer than {LONGEST_LINE:,} bytes"))
        elif line.strip():
            yield Entry(f"line {number}", _read(line))


def _read(line: bytes) -> ReadExchange | Line | BadEntry:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return BadEntry(
            f"it is not valid JSON ({exc})"
            if line.endswith(b"\n")
            else f"it is not valid JSON, perhaps truncated ({exc})"
        )
    match found:
        case {"schema_version": _, "request": {}}:
            return Line(line)
        case {"request": {"path": _}, "timestamp": _, "duration_ms": _}:
            return claude_tap.exchange(found)
        case _:
            return BadEntry("it is neither an interaction that Gemtap has exported nor a trace of claude-tap")
