"""What an export is asked for, what it gives, and what it tells at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from bson import ObjectId

from gemtap.conversation.model import Conversation
from gemtap.stores.base import Filter, Store

Part = Literal["train", "validation"]


class ExportError(Exception):
    """The export cannot be done. One line: why, and what to do."""


class Chunk(NamedTuple):
    """A piece of the file; of the second file where a training set is split."""

    content: bytes
    part: Part = "train"


@dataclass(slots=True)
class Report:
    """What became of what was read. It fills while the export goes on."""

    read: int = 0
    written: Counter[Part] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """By reason."""
    removed: Counter[str] = field(default_factory=Counter)
    """Secrets and personal data, by kind."""
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "read": self.read,
            "written": {part: self.written[part] for part in get_args(Part)},
            "left_out": dict(self.left_out),
            "removed": dict(self.removed),
            "warnings": self.warnings,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        validation = self.written["validation"]
        also = f" and {validation:,} for validation" if validation else ""
        yield f"{self.written['train']:,} written{also}, of {self.read:,}."
        for title, counted in (("left out", self.left_out), ("removed", self.removed)):
            for what, count in sorted(counted.items(), key=lambda each: (-each[1], each[0])):
                yield f"  {title} {count:,}: {what}"
        for warning in self.warnings:
            yield f"  warning: {warning}"


Scrub = Callable[[Conversation, Report], Conversation]
"""Takes secrets and personal data out of a conversation, and counts them."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is to be exported, and how."""

    where: Filter = field(default_factory=Filter)
    one: ObjectId | None = None
    """Of the formats that show one conversation: the interaction, or the thread whose last turn it is."""
    bodies: bool = False
    """Of the formats with a row an interaction: the bodies as well, as text."""
    every_turn: bool = False
    """Of training formats: not only the last turn of each thread, which holds the whole conversation."""
    split: float | None = None
    """Of training formats: the share of threads that go into the training file, the others into the second one."""
    scrub: Scrub | None = None
    """Of training formats, and of those that show one conversation."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its name."""

    name: str
    what: str
    """In a line, for people."""
    suffix: str
    media_type: str
    write: Callable[[Store, ExportOptions, Report], AsyncIterator[Chunk]]
    """The file, piece by piece. Raises ExportError and StoreError."""
    trains: bool = False
    """Whether it is made for training: one line a conversation, only whole ones."""
    shows_one: bool = False
    """Whether it shows one conversation."""
    is_binary: bool = False
