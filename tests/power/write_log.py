"""The log of a recorded disk (dm-log-writes' format), and the disks that a power cut at a point of it may leave."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Final, Literal

from tests.power.disk import BLOCK, RecordedDisk, stamp_of

_SECTOR: Final = 512
_MAGIC: Final = 0x6A736677736872
_SUPER: Final = struct.Struct("<QQQI")
"""Magic, version, number of entries, bytes of a sector."""
_ENTRY: Final = struct.Struct("<QQQQ")
"""Sector, number of sectors, flags, length of a mark."""
_FLUSH, _DISCARD = 1, 4

Unflushed = Literal["none", "all", "some"]
"""What the disk has kept of what was written after its last flush."""


@dataclass(frozen=True, slots=True)
class Write:
    """An entry of the log."""

    start: int
    """The byte of the disk at which it begins."""
    size: int
    data_at: int | None
    """Where in the log its bytes are; None where they are zeroes."""
    is_flush: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """The power fails after so many entries of the log."""

    position: int
    unflushed: Unflushed
    not_before: float
    """`time.monotonic` of some moment before the cut, at most a few hundredths of a second."""
    seed: int


def read_log(path: Path) -> list[Write]:
    """The entries in order."""
    entries = []
    with path.open("rb") as log:
        magic, version, count, sector = _SUPER.unpack(log.read(_SUPER.size))
        assert (magic, version, sector) == (_MAGIC, 1, _SECTOR), "this is no log of blklogwrites"
        at = _SECTOR
        for _ in range(count):
            log.seek(at)
            start, sectors, flags, _ = _ENTRY.unpack(log.read(_ENTRY.size))
            at += _SECTOR
            has_data = sectors > 0 and not flags & _DISCARD
            entries.append(Write(start * _SECTOR, sectors * _SECTOR, at if has_data else None, bool(flags & _FLUSH)))
            if has_data:
                at += sectors * _SECTOR
    return entries


class Replay:
    """Makes disks from a log. Cuts have to come in order."""

    def __init__(self, disk: RecordedDisk, folder: Path) -> None:
        self.entries: Final = read_log(disk.log)
        self._log = disk.log.open("rb")
        self._clock_at = disk.size
        self._durable = folder / "durable.raw"
        """Everything up to the last flush before the last cut."""
        self._applied = 0
        shutil.copyfile(disk.clean, self._durable)

    def close(self) -> None:
        self._log.close()

    def choose(self, count: int, *, since: float, seed: int) -> list[Cut]:
        """So many cuts after a moment: a third at flushes, the others anywhere, mostly with some of the unflushed."""
        random = Random(seed)
        times = self._times()
        first = next(position for position, at in enumerate(times) if at >= since)
        flushes = [n + 1 for n in range(first, len(self.entries)) if self.entries[n].is_flush]
        chosen: list[Cut] = []
        for n in range(count):
            at_flush = n % 3 == 0
            position = random.choice(flushes) if at_flush else random.randrange(first + 1, len(self.entries) + 1)
            unflushed: Unflushed = "none" if at_flush else random.choice(("all", "some", "some"))
            chosen.append(Cut(position, unflushed, times[position - 1], random.randrange(2**32)))
        return sorted(chosen, key=lambda cut: cut.position)

    def image(self, cut: Cut, path: Path) -> None:
        """Write the disk that the cut leaves."""
        flushed = next((n for n in range(cut.position, 0, -1) if self.entries[n - 1].is_flush), 0)
        with self._durable.open("r+b") as durable:
            for entry in self.entries[self._applied : flushed]:
                self._apply(entry, durable)
        self._applied = max(self._applied, flushed)
        subprocess.run(["cp", "--sparse=auto", self._durable, path], check=True)
        if cut.unflushed == "none":
            return
        random = Random(cut.seed) if cut.unflushed == "some" else None
        # How much gets through differs: a disk that has just begun to write, one that was almost done.
        share = random.random() if random else 1.0
        with path.open("r+b") as image:
            for entry in self.entries[flushed : cut.position]:
                self._apply(entry, image, random, share)

    def _apply(self, entry: Write, image: IO[bytes], random: Random | None = None, share: float = 1.0) -> None:
        for start in range(entry.start, entry.start + entry.size, BLOCK):
            # A large write may get through in part.
            if random is not None and random.random() >= share:
                continue
            size = min(BLOCK, entry.start + entry.size - start)
            image.seek(start)
            image.write(self._bytes(entry, start - entry.start, size))

    def _bytes(self, entry: Write, offset: int, size: int) -> bytes:
        if entry.data_at is None:
            return b"\0" * size
        self._log.seek(entry.data_at + offset)
        return self._log.read(size)

    def _times(self) -> Sequence[float]:
        """For each entry, the last time that the clock wrote before it."""
        return list(self._clock())

    def _clock(self) -> Iterator[float]:
        last = 0.0
        for entry in self.entries:
            if entry.start == self._clock_at and entry.size:
                last = stamp_of(self._bytes(entry, 0, BLOCK))
            yield last
