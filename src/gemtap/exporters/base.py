"""The options of an export, the chunks that it yields, and its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from bson import ObjectId

from gemtap.conversation.model import Conversation
from gemtap.stores.base import Filter, Store
from gemtap.workers import Workers

Part = Literal["train", "validation"]


class ExportError(Exception):
    """The export cannot be done. One line: why, and what to do."""


class Chunk(NamedTuple):
    """Bytes of the output file, or of the validation file if a training set is split."""

    content: bytes
    part: Part = "train"


@dataclass(slots=True)
class Report:
    """Counts of an export. They grow while the export runs."""

    read: int = 0
    written: Counter[Part] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """Count by reason."""
    removed: Counter[str] = field(default_factory=Counter)
    """Count of removed secrets and personal data, by kind."""
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "read": self.read,
            "written": {part: self.written[part] for part in get_args(Part)},
            "left_out": dict(self.left_out),
            "removed": dict(self.removed),
            "warnings": self.warnings,
        }

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        validation = self.written["validation"]
        also = f" and {validation:,} for validation" if validation else ""
        yield f"{self.written['train']:,} written{also}, of {self.read:,}."
        for title, counted in (("left out", self.left_out), ("removed", self.removed)):
            for what, count in sorted(counted.items(), key=lambda each: (-each[1], each[0])):
                yield f"  {title} {count:,}: {what}"
        for warning in self.warnings:
            yield f"  warning: {warning}"


Scrub = Callable[[Conversation, Report], Conversation]
"""Removes secrets and personal data from a conversation, and counts them."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Which interactions to export, and how."""

    where: Filter = field(default_factory=Filter)
    one: ObjectId | None = None
    """Id of an interaction or a thread, for the formats that show one conversation."""
    bodies: bool = False
    """Whether formats with one row per interaction include the bodies, as text."""
    every_turn: bool = False
    """Whether training formats include every turn of a thread, not only the last one, which holds them all."""
    split: float | None = None
    """Share of threads that go into the training file, from 0 to 1. The others go into the validation file."""
    workers: Workers | None = None
    """Where Markdown is parsed, whose parser can be kept busy; without them, in the main thread of this process."""
    scrub: Scrub | None = None
    """The scrubber of training formats and of formats that show one conversation."""


@dataclass(frozen=True, slots=True)
class Format:
    """An export format."""

    name: str
    what: str
    """One line that describes the format."""
    suffix: str
    media_type: str
    write: Callable[[Store, ExportOptions, Report], AsyncIterator[Chunk]]
    """Yields the file in chunks. Raises ExportError and StoreError."""
    trains: bool = False
    """Whether it is a training format: one line per complete conversation."""
    shows_one: bool = False
    """Whether it shows a single conversation."""
    is_binary: bool = False
