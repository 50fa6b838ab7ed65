"""The frames of a segment: each holds events of one exchange, with its checksum.

| bytes | content |
|---|---|
| 4 | the marker of the segment, by which reading goes on behind damage |
| 4 | CRC-32 of everything that follows, seeded with the segment's seed |
| 4 | length of the events in bytes |
| 12 | id of the exchange |
| 4 | number of the frame within its exchange, so that a missing one is noticed |
| 1 | `Mark` |
| | the events, as a capture file has them (see `gemtap.capture.events`) |

Marker and seed are random and stand in the name of the segment only, so that bytes that somebody sends through the
proxy never pass for a frame, and damage at the beginning of a segment does not cost the rest of it.
"""

from __future__ import annotations

import re
import secrets
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, Self

SEGMENT_SUFFIX: Final = ".segment"

LARGEST_IN_JOURNAL: Final = 512 * 1024
"""Bytes of events of an exchange that are written to segments. A larger exchange has a file of its own."""

_HEADER: Final = struct.Struct(">4sII12sIB")
_REST: Final = struct.Struct(">I12sIB")
HEADER_BYTES: Final = _HEADER.size

LARGEST_FRAME: Final = HEADER_BYTES + LARGEST_IN_JOURNAL

_NAME: Final = re.compile(r"(\d{8,})-([0-9a-f]{8})([0-9a-f]{8})" + re.escape(SEGMENT_SUFFIX))


class Mark(IntEnum):
    """What a frame says of its exchange."""

    OPEN = 0
    """More may follow."""
    CLOSED = 1
    """Nothing follows."""
    MOVED = 2
    """The exchange goes on in a file of its own, which has all of its events. The frame holds none."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """Number, marker and seed of a segment."""

    number: int
    marker: bytes
    seed: int

    @classmethod
    def new(cls, number: int) -> Self:
        """A name with a random marker and seed."""
        return cls(number, secrets.token_bytes(4), secrets.randbits(32))

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Parse a file's name; None if it is no segment's."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), bytes.fromhex(found[2]), int(found[3], 16)) if found else None

    def __str__(self) -> str:
        return f"{self.number:08d}-{self.marker.hex()}{self.seed:08x}{SEGMENT_SUFFIX}"


class Frame(NamedTuple):
    """One frame. `start` and `end` are offsets in the segment, `length` is that of the events, before `end`."""

    id: bytes
    number: int
    mark: int
    start: int
    end: int
    length: int


def pack_frame(segment: SegmentName, id_: bytes, number: int, mark: Mark, events: bytes) -> bytes:
    """The bytes of a frame."""
    rest = _REST.pack(len(events), id_, number, mark)
    checksum = zlib.crc32(events, zlib.crc32(rest, segment.seed))
    return b"".join((segment.marker, checksum.to_bytes(4, "big"), rest, events))


def frame_at(data: bytes, at: int, segment: SegmentName, base: int) -> Frame | None:
    """The frame at this position of `data`, which begins at offset `base` of the segment; None if none is whole."""
    if len(data) - at < HEADER_BYTES:
        return None
    marker, checksum, length, id_, number, mark = _HEADER.unpack_from(data, at)
    end = at + HEADER_BYTES + length
    if marker != segment.marker or end > len(data):
        return None
    if zlib.crc32(memoryview(data)[at + 8 : end], segment.seed) != checksum:
        return None
    return Frame(id_, number, mark, base + at, base + end, length)


def next_frame(data: bytes, at: int, segment: SegmentName, base: int) -> Frame | None:
    """The first whole frame behind this position of `data`, or None."""
    while (at := data.find(segment.marker, at + 1)) >= 0:
        if found := frame_at(data, at, segment, base):
            return found
    return None


def whole_frames(data: bytes, segment: SegmentName, base: int) -> Iterator[Frame]:
    """The frames that follow each other from the beginning of `data`."""
    at = 0
    while frame := frame_at(data, at, segment, base):
        yield frame
        at = frame.end - base
