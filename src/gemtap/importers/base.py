"""What is read from a file that is imported, and what is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from gemtap.interaction import Outcome

_TOLD: Final = 100
"""Faults, and doubts, that are named one by one."""


class ImportFailed(Exception):
    """The file cannot be imported. One line: why, and what to do."""


@dataclass(frozen=True, slots=True)
class BadEntry:
    """An entry that cannot be read."""

    why: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that is nothing for Gemtap."""

    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of JSON that Gemtap itself has exported."""

    line: bytes


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of a WebSocket."""

    by_client: bool
    at_ms: float
    """Since the request was received."""
    data: str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadExchange:
    """An exchange as another program has written it down. Credentials are as they stand there."""

    received: datetime
    method: str
    host: str
    """Where the request went; empty where nobody has noted it."""
    target: str
    """Raw path and query."""
    http_version: str = "1.1"
    request_headers: Sequence[tuple[str, str]]
    request: bytes
    """Its content-encoding undone."""
    request_bytes: int | None = None
    """Size on the wire; None where that is not known."""
    status: int | None
    """None where there was no answer."""
    response_headers: Sequence[tuple[str, str]] = ()
    response: bytes = b""
    response_bytes: int | None = None
    messages: Sequence[SentMessage] = ()
    """The messages of a WebSocket session."""
    first_byte_ms: float | None = None
    duration_ms: float
    outcome: str = Outcome.COMPLETE
    details: str | None = None
    """What went wrong, in words."""
    id: ObjectId | None = None
    """None where it was not Gemtap that recorded it."""
    doubts: Sequence[str] = ()
    """What may not be as it was sent, for people: `the response ...`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file."""

    place: str
    """For people: `line 17`."""
    content: ReadExchange | Line | BadEntry | LeftOut


@dataclass(slots=True)
class Imported:
    """What became of what was read. It fills while it goes on."""

    read: int = 0
    stored: int = 0
    present: int = 0
    """Were there already."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By reason."""
    faulty: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    """The first of them: where each stands, and what is wrong with it."""
    doubtful: int = 0
    """Entries that are stored, but may not be as they were sent."""
    doubts: list[tuple[str, str]] = field(default_factory=list)
    """The first of them: where each stands, and why."""

    def doubt(self, place: str, why: str) -> None:
        """This one is stored, but may not be as it was sent."""
        self.doubtful += 1
        if len(self.doubts) < _TOLD:
            self.doubts.append((place, why))

    def fault(self, place: str, why: str) -> None:
        """This one cannot be stored."""
        self.faulty += 1
        if len(self.faults) < _TOLD:
            self.faults.append((place, why))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "read": self.read,
            "stored": self.stored,
            "present": self.present,
            "left_out": dict(self.left_out),
            "faulty": self.faulty,
            "faults": [{"place": place, "why": why} for place, why in self.faults],
            "doubtful": self.doubtful,
            "doubts": [{"place": place, "why": why} for place, why in self.doubts],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        there = f", {self.present:,} were already stored" if self.present else ""
        yield f"{self.stored:,} stored{there}, of {self.read:,}."
        for why, count in sorted(self.left_out.items()):
            yield f"  left out {count:,}: {why}"
        for place, why in self.doubts:
            yield f"  {place}: {why}"
        if self.doubtful > len(self.doubts):
            yield f"  and {self.doubtful - len(self.doubts):,} more that may differ from what was sent"
        for place, why in self.faults:
            yield f"  {place}: {why}"
        if self.faulty > len(self.faults):
            yield f"  and {self.faulty - len(self.faults):,} more that cannot be stored"
