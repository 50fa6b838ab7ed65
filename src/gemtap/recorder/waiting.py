"""What waits in the spool to be recorded, in batches, oldest first across all taps."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bson import ObjectId

from gemtap.capture.journal import Damage, JournalCapture, end_of
from gemtap.capture.spool import Spool, capture_id
from gemtap.recorder.tap_journal import TapJournal

BATCH_CAPTURES: Final = 200
BATCH_BYTES: Final = 32 * 2**20
"""A batch is one commit. It ends with the capture that brings it past either."""


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """A capture in `ready/`: a large or long one, or one that an earlier version has left."""

    path: Path
    size: int

    @property
    def id(self) -> ObjectId | None:
        """The exchange's id; None if the name is none."""
        return capture_id(self.path)

    @property
    def name(self) -> str:
        """The name of its file in `failed/`."""
        return self.path.name

    def read(self) -> bytes:
        """Its bytes. Raises OSError, FileNotFoundError if it is recorded."""
        return self.path.read_bytes()


Source = CaptureFile | JournalCapture
"""Where a capture is to be read."""


class Waiting:
    """Takes captures out of a spool. What is taken and not done is there again at the next call.

    The methods read folders and files: call them in a thread.
    """

    def __init__(self, spool: Spool, damaged: Callable[[Damage], None]) -> None:
        """`damaged` is called with each part of a segment that cannot be read."""
        self._spool = spool
        self._damaged = damaged
        self._journals: dict[Path, TapJournal] = {}
        self._files: deque[Path] = deque()
        self._newest = ""
        self._taken: list[Source] = []

    def begin(self) -> None:
        """From now on, `take` returns what waits at this moment. Raises OSError."""
        folders = self._spool.taps()
        for gone in self._journals.keys() - set(folders):
            self._journals.pop(gone).close()
        for folder in folders:
            if folder not in self._journals:
                self._journals[folder] = TapJournal(self._spool, folder, self._damaged)
            self._journals[folder].begin()
        # After the journals, since those of dead taps hand on files.
        self._files = deque(self._spool.waiting())
        self._newest = self._files[-1].name if self._files else ""

    def take(self) -> list[Source]:
        """The next batch; empty if nothing is left. Raises OSError."""
        if not self._taken:
            self._checkpoint()
            size = 0
            while len(self._taken) < BATCH_CAPTURES and size < BATCH_BYTES and (source := self._oldest()) is not None:
                # One by one: after an error, the next call returns what was taken.
                self._taken.append(source)
                size += source.size
            if not self._taken:
                self._checkpoint()
        return list(self._taken)

    def done(self, sources: Sequence[Source]) -> None:
        """The first that `take` has returned are recorded, or kept in `failed/`. Raises OSError."""
        last: dict[Path, JournalCapture] = {}
        for source in sources:
            if isinstance(source, CaptureFile):
                source.path.unlink(missing_ok=True)
            elif source.ended_at is not None:
                last[source.folder] = source
        del self._taken[: len(sources)]
        for folder, capture in last.items():
            if folder in self._journals:
                self._journals[folder].note_recorded(capture)

    def take_ahead(self) -> list[Source]:
        """Captures that came after `begin`, at most a batch. Raises OSError."""
        newer = [path for path in self._spool.waiting() if path.name > self._newest][:BATCH_CAPTURES]
        ahead: list[Source] = [file for path in newer if (file := _file(path)) is not None]
        for journal in self._journals.values():
            ahead += journal.take_ahead(BATCH_CAPTURES - len(ahead))
        return ahead

    def done_ahead(self, sources: Sequence[Source]) -> None:
        """These of `take_ahead` are recorded, or kept in `failed/`. Raises OSError."""
        for source in sources:
            if isinstance(source, CaptureFile):
                source.path.unlink(missing_ok=True)
            elif source.folder in self._journals:
                self._journals[source.folder].note_recorded_ahead(source.id.binary)

    def state(self) -> object:
        """Something that changes whenever there may be more to take."""
        taps = self._spool.taps()
        return os.stat(self._spool.ready).st_mtime_ns, [(tap, end_of(tap)) for tap in taps]

    def close(self) -> None:
        """Release what is open."""
        for journal in self._journals.values():
            journal.close()
        self._journals.clear()

    def _oldest(self) -> Source | None:
        """Take the capture that began first, of those that come next in each tap's journal and of the files."""
        first: tuple[JournalCapture, TapJournal] | None = None
        for journal in self._journals.values():
            capture = journal.peek()
            if capture is not None and (first is None or capture.name < first[0].name):
                first = capture, journal
        while self._files and (first is None or self._files[0].name <= first[0].name):
            if (file := _file(self._files.popleft())) is not None:
                return file
        if first is None:
            return None
        first[1].take()
        return first[0]

    def _checkpoint(self) -> None:
        for folder, journal in list(self._journals.items()):
            if journal.checkpoint():
                journal.close()
                del self._journals[folder]


def _file(path: Path) -> CaptureFile | None:
    try:
        return CaptureFile(path, path.stat().st_size)
    except FileNotFoundError:
        return None
