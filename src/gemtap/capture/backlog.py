"""Counts the captures that wait to be recorded, for health checks."""

from __future__ import annotations

import os
import threading
from array import array
from bisect import bisect_right
from datetime import datetime
from pathlib import Path

from bson import ObjectId

from gemtap.capture.journal import JournalReader
from gemtap.capture.spool import Spool, capture_id, lock_folder, read_progress

Waiting = tuple[int, datetime | None]
"""Number of captures that wait, and the time when the exchange of the oldest began."""


class Backlog:
    """What waits in a spool. Each look reads what was appended to the journals since the last one."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._journals: dict[Path, _Journal] = {}
        self._last: Waiting = (0, None)
        self._lock = threading.Lock()

    def look(self) -> Waiting:
        """What waits now, or what waited at the last look while another one is under way. Raises OSError."""
        if self._lock.acquire(blocking=False):
            try:
                self._last = self._look()
            finally:
                self._lock.release()
        return self._last

    def close(self) -> None:
        """Close the segments that are open, so that their file system can be unmounted."""
        with self._lock:
            for journal in self._journals.values():
                journal.reader.close()
            self._journals.clear()

    def _look(self) -> Waiting:
        taps = self._spool.taps()
        for gone in self._journals.keys() - set(taps):
            self._journals.pop(gone).reader.close()
        files = self._spool.waiting()
        count = len(files)
        ids = [id_ for path in files[:1] if (id_ := capture_id(path)) is not None]
        for tap in taps:
            if tap not in self._journals:
                self._journals[tap] = _Journal(tap)
            waiting, oldest = self._journals[tap].look()
            count += waiting
            if oldest is not None:
                ids.append(oldest)
        return count, min((id_.generation_time for id_ in ids), default=None)


class _Journal:
    """The exchanges of one journal that have ended: a few bytes for each that is not recorded."""

    def __init__(self, folder: Path) -> None:
        self.reader = JournalReader(folder)
        self._folder = folder
        self._ends: dict[int, array[int]] = {}
        """By segment, the offsets behind the last frames of exchanges."""
        self._ids: dict[int, bytearray] = {}

    def look(self) -> tuple[int, ObjectId | None]:
        """How many wait, and the id of the first."""
        while (found := self.reader.next()) is not None:
            capture, (segment, end) = found
            self._ends.setdefault(segment, array("Q")).append(end)
            self._ids.setdefault(segment, bytearray()).extend(capture.id.binary)
        self.reader.damage.clear()
        recorded, offset = read_progress(self._folder)
        for segment in [each for each in self._ends if each < recorded]:
            del self._ends[segment], self._ids[segment]
        self.reader.forget(recorded)
        waiting, first = 0, b""
        for segment, ends in sorted(self._ends.items()):
            passed = bisect_right(ends, offset) if segment == recorded else 0
            waiting += len(ends) - passed
            first = first or bytes(self._ids[segment][12 * passed : 12 * passed + 12])
        if self.reader.open and (lock := lock_folder(self._folder)) is not None:
            # Its tap is dead: these are recorded as interrupted.
            os.close(lock)
            waiting += len(self.reader.open)
            first = first or min(self.reader.open)
        return waiting, ObjectId(first) if first else None
