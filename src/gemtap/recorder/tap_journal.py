"""The journal of one tap, as the recorder works it off."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from gemtap.capture.journal import Damage, JournalCapture, JournalReader, Position, end_of, segments_of
from gemtap.capture.spool import (
    DRAFT_SUFFIX,
    PROGRESS_NAME,
    Spool,
    hand_on,
    lock_folder,
    private,
    read_progress,
)
from gemtap.capture.syncing import sync_file, sync_file_system


class TapJournal:
    """Takes exchanges out of one tap's folder in the order of their ends, and deletes segments that are recorded."""

    def __init__(self, spool: Spool, folder: Path, damaged: Callable[[Damage], None]) -> None:
        """`damaged` is called with each part of a segment that cannot be read."""
        self._folder = folder
        self._spool = spool
        self._damaged = damaged
        self._reader = JournalReader(folder)
        self._recorded: Position = read_progress(folder)
        self._end: Position = (0, 0)
        self._peeked: JournalCapture | None = None
        self._interrupted: list[JournalCapture] | None = None
        """The exchanges without an end, the newest first, once the journal of a dead tap has been read to its end."""
        self._ahead: JournalReader | None = None
        self._recorded_ahead: set[bytes] = set()
        self._passed_over: Position = (0, 0)
        """Behind the last exchange that was recorded ahead and has been reached since."""
        self._progress: int | None = None
        self._lock: int | None = None

    def begin(self) -> None:
        """From now on, everything up to the present end of the journal is taken, and nothing behind it."""
        if self._lock is None and (lock := lock_folder(self._folder)) is not None:
            # The tap is dead, and writes no more.
            try:
                self._restore_moved()
            except OSError:
                os.close(lock)
                raise
            hand_on(self._spool, self._folder)
            self._lock = lock
        self._end = end_of(self._folder)
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def peek(self) -> JournalCapture | None:
        """The next exchange before the end, or None. Raises OSError."""
        while self._peeked is None:
            found = self._reader.next(self._end)
            for damage in self._reader.damage:
                self._damaged(damage)
            self._reader.damage.clear()
            if found is None:
                interrupted = self._take_interrupted()
                if interrupted is None:
                    return None
                self._peeked = interrupted
                break
            capture, position = found
            if position <= self._recorded:
                continue
            if capture.id.binary in self._recorded_ahead:
                self._recorded_ahead.remove(capture.id.binary)
                self._passed_over = position
                continue
            self._peeked = capture
        return self._peeked

    def take(self) -> None:
        """Take what `peek` has returned."""
        self._peeked = None

    def note_recorded(self, capture: JournalCapture) -> None:
        """This one and all that were taken before are recorded. Raises OSError."""
        if capture.ended_at is not None and capture.ended_at > self._recorded:
            self._write_progress(capture.ended_at)

    def take_ahead(self, most: int) -> list[JournalCapture]:
        """Exchanges that began and ended behind the end, so that they do not wait for a backlog. Raises OSError."""
        if self._lock is not None:
            return []
        self._ahead = self._ahead or JournalReader(self._folder, self._end)
        ahead: list[JournalCapture] = []
        while len(ahead) < most and (found := self._ahead.next()) is not None:
            ahead.append(found[0])
        return ahead

    def note_recorded_ahead(self, id_: bytes) -> None:
        """An exchange that `take_ahead` has returned is recorded."""
        self._recorded_ahead.add(id_)

    def checkpoint(self) -> bool:
        """Everything that was taken is recorded: delete segments that are not needed any more.

        Returns whether this was all of a dead tap, whose folder is removed then. Raises OSError.
        """
        if self._passed_over > self._recorded:
            # No later exchange may ever come to say so, and these would count as waiting.
            self._write_progress(self._passed_over)
        is_over = self._peeked is None and self._interrupted == []
        needed = [self._reader.oldest_open, self._reader.position[0]]
        if self._peeked is not None:
            needed += self._peeked.segments
        self._delete_segments(sys.maxsize if is_over else min(needed))
        if is_over:
            self._remove_folder()
        return is_over

    def close(self) -> None:
        """Release what is open."""
        self._reader.close()
        if self._ahead is not None:
            self._ahead.close()
        for descriptor in (self._progress, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._progress = self._lock = None

    def _take_interrupted(self) -> JournalCapture | None:
        if self._lock is None:
            return None
        if self._interrupted is None:
            self._interrupted = sorted(self._reader.open.values(), key=lambda each: each.id, reverse=True)
        return self._interrupted.pop() if self._interrupted else None

    def _restore_moved(self) -> None:
        """Give exchanges that went on in files of their own back what a power failure has taken of these files.

        A file may be on the disk in part although the frame is whole which says that everything is in the file.
        Where the first segment of an exchange is deleted, its file had been synchronized before.
        """
        reader = JournalReader(self._folder)
        while reader.next() is not None:
            pass
        for capture in reader.moved.values():
            if capture.first > 0:
                continue
            path = self._folder / capture.name
            if path.exists() and (copied := capture.read()) != path.read_bytes()[: len(copied)]:
                draft = path.with_suffix(DRAFT_SUFFIX)
                with open(draft, "wb", opener=private) as file:
                    file.write(copied)
                    file.flush()
                    os.fsync(file.fileno())
                draft.rename(path)
        reader.close()

    def _write_progress(self, recorded: Position) -> None:
        if self._progress is None:
            self._progress = os.open(self._folder / PROGRESS_NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.pwrite(self._progress, b"%08d %020d\n" % recorded, 0)
        self._recorded = recorded

    def _delete_segments(self, before: int) -> None:
        segments = [each for each in segments_of(self._folder) if each.number < before]
        if not segments:
            return
        if self._progress is not None:
            # Without it, a later segment could not be told from one whose beginning is lost.
            sync_file(self._progress)
        if self._reader.moved:
            # What they have of exchanges that went on in files of their own has to be on the disk there.
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                sync_file_system(folder)
            finally:
                os.close(folder)
        for name in segments:
            os.unlink(self._folder / str(name))
        self._reader.forget(before)

    def _remove_folder(self) -> None:
        for path in (self._folder / PROGRESS_NAME, *self._folder.glob(f"*{DRAFT_SUFFIX}")):
            path.unlink(missing_ok=True)
        # Only if a tap's files remain that could not be handed on, or somebody else's, is there anything left.
        hand_on(self._spool, self._folder)
