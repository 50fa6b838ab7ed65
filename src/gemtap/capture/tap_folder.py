"""What one tap process writes: `open/TAP/`, its segments, and the captures that have files of their own."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from typing import Any, Final

from bson import ObjectId

from gemtap.capture.events import Kind, pack
from gemtap.capture.frames import LARGEST_IN_JOURNAL, Mark, SegmentName, pack_frame
from gemtap.capture.spool import DRAFT_SUFFIX, INCIDENT_SUFFIX, SUFFIX, Spool, lock_folder

SEGMENT_BYTES: Final = 8 * 2**20
SEGMENT_SECONDS: Final = 10.0
"""A segment that has either is followed by the next. What is recorded stays on the disk for about as long."""

LONG_SECONDS: Final = 30.0
"""After this time an exchange goes on in a file of its own, so that it does not keep its segments."""

_MOVED_AT_ONCE: Final = 20
"""Exchanges that are moved before others get their turn."""

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
_SEGMENT: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class TapFolder:
    """`open/TAP/`: the folder of one tap process, locked for as long as the process lives.

    The lock is on the folder, not on its files, since there would be a race between creating and locking a file. The
    kernel releases the lock whenever and however the process ends.
    """

    def __init__(self, spool: Spool) -> None:
        """Create and lock a new folder, with its first segment. Raises OSError."""
        while True:
            self.path = spool.open / f"{os.getpid()}-{secrets.token_hex(4)}"
            self.path.mkdir(mode=0o700)
            lock = lock_folder(self.path)
            # A process that looked for dead taps at the same moment may have removed the folder before it was locked.
            if lock is not None and self.path.exists():
                break
        self._spool = spool
        # File names are relative to these descriptors, which saves resolving and joining paths.
        self.folder = lock
        self.ready = os.open(spool.ready, _FOLDER)
        self.sync_round = 0
        """Incremented with each sync. A capture counts once per round, at its first write."""
        # Captures of earlier taps may be unsynced, and so is this folder.
        self._unsynced = 1
        self._unsynced_since = time.monotonic()
        self.only_segment_unsynced = False
        """Whether nothing but the present segment has changed since the last sync."""
        self.open: dict[ObjectId, Capture] = {}
        """Captures in segments that are not closed, oldest first."""
        self._owed: list[tuple[bytes, int]] = []
        """Exchanges whose closing frame could not be written yet, each with the number of that frame."""
        self._name = SegmentName.new(1)
        try:
            self.segment = os.open(str(self._name), _SEGMENT, 0o600, dir_fd=lock)
        except OSError:
            os.close(lock)
            os.close(self.ready)
            raise
        self._names = {1: str(self._name)}
        self._end = 0
        self._name_synced = False
        self._began_at = time.monotonic()

    def capture(self, id_: ObjectId) -> Capture:
        """Begin the capture of an exchange. Raises OSError if the segment is gone and no other can be made."""
        if not os.fstat(self.segment).st_nlink:
            self._rotate()
        return Capture(self, id_)

    def append(self, id_: bytes, number: int, mark: Mark, events: bytes) -> tuple[int, int]:
        """Append a frame. Returns the number of its segment and the offset of the events. Raises OSError."""
        if self._end >= SEGMENT_BYTES:
            self.rotate()
        frame = pack_frame(self._name, id_, number, mark, events)
        if self._owed:
            owed = b"".join(pack_frame(self._name, *each, Mark.CLOSED, b"") for each in self._owed)
            frame = owed + frame
        try:
            written = os.pwrite(self.segment, frame, self._end)
            while written < len(frame):
                written += os.pwrite(self.segment, frame[written:], self._end + written)
        except OSError:
            # The next frame takes the place of what was written of this one. Cut off, it is nothing to stumble over.
            os.ftruncate(self.segment, self._end)
            raise
        self._owed.clear()
        self._end += len(frame)
        return self._name.number, self._end - len(events)

    def close_exchange(self, id_: bytes, number: int) -> None:
        """Write a closing frame without events, now or, if the disk is full, with the next one that can be written."""
        try:
            self.append(id_, number, Mark.CLOSED, b"")
        except OSError:
            self._owed.append((id_, number))

    def read(self, number: int, offset: int, length: int) -> bytes:
        """Bytes of one of this tap's segments. Raises OSError."""
        if number == self._name.number:
            return os.pread(self.segment, length, offset)
        file = os.open(self._names[number], os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            return os.pread(file, length, offset)
        finally:
            os.close(file)

    def rotate(self) -> None:
        """Begin the next segment, if this one has anything; otherwise, or if that is impossible, go on with this."""
        if self._end:
            try:
                self._rotate()
            except OSError:
                pass  # most likely the disk is full, which the next write will tell

    def _rotate(self) -> None:
        name = SegmentName.new(self._name.number + 1)
        segment = os.open(str(name), _SEGMENT, 0o600, dir_fd=self.folder)
        os.close(self.segment)
        self._name, self.segment, self._end, self._began_at = name, segment, 0, time.monotonic()
        self._name_synced = False
        self._names[name.number] = str(name)
        oldest = min((each.segment for each in self.open.values()), default=name.number)
        self._names = {number: kept for number, kept in self._names.items() if number >= oldest}
        self.note_unsynced()

    async def upkeep(self) -> None:
        """Once a second: begin the next segment if this one is old, and move long exchanges to files of their own."""
        now = time.monotonic()
        if now - self._began_at > SEGMENT_SECONDS:
            self.rotate()
        long = [each for each in self.open.values() if now - each.began_at > LONG_SECONDS]
        for moved, capture in enumerate(long, 1):
            if capture.id not in self.open:
                continue  # it has ended meanwhile
            try:
                capture.move()
            except OSError:
                return  # it stays where it is until there is room
            if moved % _MOVED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def note_unsynced(self, *, segment_only: bool = False) -> None:
        """Note a write that the next sync has to cover; `segment_only` if it changes nothing but the segment."""
        if not self._unsynced:
            self._unsynced_since = time.monotonic()
        self._unsynced += 1
        self.only_segment_unsynced = self.only_segment_unsynced and segment_only

    def take_unsynced(self) -> tuple[int, float, bool]:
        """Number of captures written to since the last call, the `time.monotonic` of the first write, and whether
        nothing but the present segment has changed.

        Later writes count for the next call.
        """
        self.sync_round += 1
        unsynced, self._unsynced = self._unsynced, 0
        only_segment, self.only_segment_unsynced = self.only_segment_unsynced, True
        return unsynced, self._unsynced_since, only_segment

    def files_to_sync(self, segments: set[int]) -> list[int] | None:
        """The same as `Capture.files_to_sync` for these segments."""
        if segments != {self._name.number}:
            return None if segments else []
        if self._name_synced:
            return [os.dup(self.segment)]
        return [os.dup(self.segment), os.dup(self.folder)]

    def note_synced(self, segment: int) -> None:
        """The name of this segment is on the disk."""
        self._name_synced = self._name_synced or segment == self._name.number

    @property
    def present(self) -> int:
        """The number of the present segment."""
        return self._name.number

    def hand_on_losses(self, name: str) -> None:
        """Move a file of this folder that counts losses to `incidents/`. Raises OSError."""
        os.rename(name, self._spool.incidents / f"{ObjectId()}{INCIDENT_SUFFIX}", src_dir_fd=self.folder)
        self.note_unsynced()

    def close(self) -> None:
        """Release the folder. The recorder reads and removes what is left in it."""
        os.close(self.segment)
        try:
            if not self._end:
                os.unlink(str(self._name), dir_fd=self.folder)
            self.path.rmdir()
        except OSError:
            pass
        os.close(self.folder)
        os.close(self.ready)


class Capture:
    """The events of one exchange, in the segments of its tap or, if it is large or long, in a file of its own.

    Events are written unbuffered, so that they survive the process.
    """

    def __init__(self, tap: TapFolder, id_: ObjectId) -> None:
        self.began_at = time.monotonic()
        self._tap = tap
        self.id = id_
        self._frames = 0
        self._places: list[tuple[int, int, int]] = []
        """Segment, offset and length of the events of each frame."""
        self._size = 0
        self._file: int | None = None
        """The file of its own."""
        self._held: list[bytes] | None = None
        self._ended = False
        self._sync_round = -1
        self._unsynced_segments: set[int] = set()
        self._name_synced = False

    @property
    def segment(self) -> int:
        """The number of the first segment that has events of it."""
        return self._places[0][0]

    @property
    def is_unwritten(self) -> bool:
        """Whether nothing of it has been written: dropped now, it never was."""
        return not self._frames and self._file is None

    def write(self, kind: Kind, at: int, value: Any) -> None:
        """Append one event; `at` is in microseconds since the start. Raises OSError, as on a full disk."""
        event = pack(kind, at, value)
        if kind is Kind.END:
            self._ended = True
        if self._held is not None:
            self._held.append(event)
        else:
            self._append(event)

    def hold(self) -> None:
        """Buffer events until `release`, so that simultaneous events are written with one call."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Append buffered events. Raises OSError, as on a full disk."""
        held, self._held = self._held, None
        if held:
            self._append(b"".join(held))

    def read(self) -> bytes:
        """All events so far. Raises OSError."""
        if self._file is None:
            return b"".join(self._tap.read(*place) for place in self._places)
        file = os.open(f"{self.id}{SUFFIX}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._tap.folder)
        with open(file, "rb") as stream:
            return stream.read()

    def files_to_sync(self) -> list[int] | None:
        """Duplicates of the descriptors by which everything written so far can be synced, to be closed by the caller.

        None if only the whole file system will do. Raises OSError.
        """
        if self._file is None:
            segments, self._unsynced_segments = self._unsynced_segments, set()
            return self._tap.files_to_sync(segments)
        if self._name_synced:
            return [os.dup(self._file)]
        self._name_synced = True
        return [os.dup(self._file), os.dup(self._tap.folder)]

    def _append(self, events: bytes) -> None:
        tap = self._tap
        self._size += len(events)
        if self._file is None and self._size > LARGEST_IN_JOURNAL:
            self.move()
        if self._sync_round != tap.sync_round:
            self._sync_round = tap.sync_round
            tap.note_unsynced(segment_only=self._file is None)
        if self._file is not None:
            _write_all(self._file, events)
            return
        mark = Mark.CLOSED if self._ended else Mark.OPEN
        segment, offset = tap.append(self.id.binary, self._frames, mark, events)
        self._frames += 1
        if mark is Mark.CLOSED:
            tap.open.pop(self.id, None)
            return
        if not self._places:
            tap.open[self.id] = self
        self._places.append((segment, offset, len(events)))
        self._unsynced_segments.add(segment)

    def move(self) -> None:
        """Go on in a file of its own, which gets what was written before. Raises OSError, and changes nothing then."""
        tap, draft, name = self._tap, f"{self.id}{DRAFT_SUFFIX}", f"{self.id}{SUFFIX}"
        file = os.open(draft, _APPEND, 0o600, dir_fd=tap.folder)
        try:
            _write_all(file, self.read())
            os.rename(draft, name, src_dir_fd=tap.folder, dst_dir_fd=tap.folder)
            if self._places:
                tap.append(self.id.binary, self._frames, Mark.MOVED, b"")
        except OSError:
            os.close(file)
            for each in (draft, name):
                try:
                    os.unlink(each, dir_fd=tap.folder)
                except OSError:
                    continue
            raise
        self._file = file
        self._places.clear()
        tap.open.pop(self.id, None)
        tap.note_unsynced()

    def close(self) -> None:
        """Pass the capture to the recorder. Raises OSError."""
        tap = self._tap
        if self._file is not None:
            os.close(self._file)
            name = f"{self.id}{SUFFIX}"
            os.rename(name, name, src_dir_fd=tap.folder, dst_dir_fd=tap.ready)
            tap.note_unsynced()
        elif tap.open.pop(self.id, None) is not None:
            # Its end could not be written.
            tap.close_exchange(self.id.binary, self._frames)


def _write_all(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):
        data = data[written:]
        written = os.write(file, data)
