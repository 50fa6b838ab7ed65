"""Reads the journal of a tap: its segments in order, while they grow or after its death.

Only the headers of frames are kept, so that a reader takes next to no memory, however much is waiting.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bson import ObjectId

from gemtap.capture.frames import LARGEST_FRAME, Frame, Mark, SegmentName, frame_at, next_frame, whole_frames
from gemtap.capture.spool import SUFFIX

_BLOCK: Final = 2 * LARGEST_FRAME
"""Bytes that are read at once: any frame fits in."""

Position = tuple[int, int]
"""Number of a segment, and an offset in it."""


@dataclass(slots=True)
class JournalCapture:
    """The events of one exchange in a journal, as far as they have been read."""

    folder: Path
    id: ObjectId
    first: int = 0
    """Number of the first frame that was found; more than 0 where segments before are deleted or damaged."""
    frames: int = 0
    """Number of its next frame."""
    size: int = 0
    """Bytes of its events."""
    has_gap: bool = False
    """Whether a frame is missing. What follows one is left out, so that it is an interrupted exchange."""
    ended_at: Position | None = None
    """Behind its last frame; None if it has not ended."""
    segments: dict[int, str] = field(default_factory=dict)
    """Names of the segments that have frames of it."""
    _places: array[int] = field(default_factory=lambda: array("Q"))
    """Segment, offset and length of the events of each frame."""

    @property
    def name(self) -> str:
        """The name of its file in `failed/`."""
        return f"{self.id}{SUFFIX}"

    def add(self, segment: SegmentName, frame: Frame) -> None:
        """The next frame."""
        self.frames = frame.number + 1
        self.size += frame.length
        if segment.number not in self.segments:
            self.segments[segment.number] = str(segment)
        self._places.extend((segment.number, frame.end - frame.length, frame.length))

    def read(self, start: int = 0) -> bytes:
        """Its events, as a capture file has them, from this offset. Raises OSError, FileNotFoundError if recorded."""
        pieces, files, before = [], {}, 0
        try:
            for at in range(0, len(self._places), 3):
                number, offset, length = self._places[at : at + 3]
                before += length
                if before <= start:
                    continue
                if number not in files:
                    files[number] = os.open(self.folder / self.segments[number], os.O_RDONLY | os.O_CLOEXEC)
                pieces.append(os.pread(files[number], length, offset))
        finally:
            for file in files.values():
                os.close(file)
        return b"".join(pieces)[max(0, start - before + sum(map(len, pieces))) :]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that hold no frame although frames follow."""

    segment: str
    start: int
    end: int


class JournalReader:
    """Reads the exchanges of one tap's folder in the order in which they end."""

    def __init__(self, folder: Path, start: Position | None = None) -> None:
        """`start`: where to begin, by default with the first segment. Exchanges that began before are passed over."""
        self.folder = folder
        self.position: Position = start or (0, 0)
        """Everything before has been read."""
        self.open: dict[bytes, JournalCapture] = {}
        """Exchanges that have not ended."""
        self.moved: dict[bytes, JournalCapture] = {}
        """Exchanges that went on in files of their own."""
        self.damage: list[Damage] = []
        self._only_whole = start is not None
        self._damaged_from: int | None = None
        self._name: SegmentName | None = None
        self._frames: Iterator[Frame] | None = None
        self._file: int | None = None

    def next(self, end: Position | None = None) -> tuple[JournalCapture, Position] | None:
        """The next exchange that has ended, and the position behind it; None if there is none yet, or before `end`.

        Raises OSError.
        """
        while end is None or self.position < end:
            frame = self._next_frame()
            if frame is None:
                return None
            if (ended := self._take(frame)) is not None:
                return ended, self.position
        return None

    def close(self) -> None:
        """Close the open segment."""
        self._frames = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def forget(self, before: int) -> None:
        """Segments with lower numbers are deleted."""
        self.moved = {id_: each for id_, each in self.moved.items() if max(each.segments, default=0) >= before}

    @property
    def oldest_open(self) -> int:
        """The number of the first segment that has frames of an exchange that has not ended."""
        return min((min(each.segments) for each in self.open.values() if each.segments), default=self.position[0])

    def _take(self, frame: Frame) -> JournalCapture | None:
        assert self._name is not None
        capture = self.open.get(frame.id)
        if capture is None:
            if frame.number and (self._only_whole or frame.mark == Mark.MOVED):
                return None
            # A frame that is not the first: the first ones are damaged, and the exchange cannot be read.
            capture = JournalCapture(self.folder, ObjectId(frame.id), first=frame.number, frames=frame.number)
            self.open[frame.id] = capture
        capture.has_gap = capture.has_gap or frame.number != capture.frames
        if frame.mark == Mark.MOVED:
            self.moved[frame.id] = self.open.pop(frame.id)
            return None
        if not capture.has_gap:
            capture.add(self._name, frame)
        if frame.mark != Mark.CLOSED:
            return None
        capture.ended_at = self.position
        return self.open.pop(frame.id)

    def _next_frame(self) -> Frame | None:
        while True:
            if self._frames is not None:
                for frame in self._frames:
                    self.position = (self.position[0], frame.end)
                    return frame
                self._frames = None
            # Listed before the segment is read: the next one exists once nothing is written to this one.
            following = self._following()
            if self._name is not None:
                self._frames = self._read()
                if self._frames is not None:
                    continue
            if following is None:
                return None
            self._finish_segment()
            offset = self.position[1] if following.number == self.position[0] else 0
            self.position, self._name = (following.number, offset), following

    def _following(self) -> SegmentName | None:
        """The segment behind the present one, or at the position."""
        least = self._name.number + 1 if self._name else self.position[0]
        return min((name for name in segments_of(self.folder) if name.number >= least), default=None)

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self.folder / str(self._name), os.O_RDONLY | os.O_CLOEXEC)
        return self._file

    def _read(self) -> Iterator[Frame] | None:
        """The next frames of the present segment; None if there are none, now or ever."""
        assert self._name is not None
        try:
            file = self._opened()
        except FileNotFoundError:
            return None  # recorded and deleted meanwhile
        number, offset = self.position
        while block := os.pread(file, _BLOCK, offset):
            if frame_at(block, 0, self._name, offset):
                self._damaged_until(offset)
                self.position = (number, offset)
                return whole_frames(block, self._name, offset)
            found = next_frame(block, 0, self._name, offset)
            if found is None and len(block) < _BLOCK:
                break  # being written, or the torn end of a segment
            # The tap may have cut off a frame at this moment and written others: only what is there twice is damage.
            if os.pread(file, len(block), offset) == block:
                if self._damaged_from is None and not self._only_whole:
                    self._damaged_from = offset
                offset = found.start if found else offset + _BLOCK - LARGEST_FRAME
        return None

    def _finish_segment(self) -> None:
        """Whatever stands at the end of a segment that is followed by another was a frame."""
        if self._file is not None:
            size = os.fstat(self._file).st_size
            if self.position[1] < size and not self._only_whole:
                self._damaged_from = self.position[1]
                self._damaged_until(size)
        self._damaged_from = None
        self.close()

    def _damaged_until(self, end: int) -> None:
        if self._damaged_from is not None:
            self.damage.append(Damage(str(self._name), self._damaged_from, end))
            self._damaged_from = None


def segments_of(folder: Path) -> list[SegmentName]:
    """The segments of a journal in order; none if the folder is gone, like that of a dead tap that is recorded."""
    try:
        return sorted(name for each in os.listdir(folder) if (name := SegmentName.parse(each)) is not None)
    except FileNotFoundError:
        return []


def end_of(folder: Path) -> Position:
    """The end of a journal at this moment; (0, 0) if it has no segment."""
    try:
        names = segments_of(folder)
        return (names[-1].number, os.stat(folder / str(names[-1])).st_size) if names else (0, 0)
    except FileNotFoundError:
        return 0, 0
