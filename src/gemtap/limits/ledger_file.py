"""One file of the ledger: a table of 64-bit integers in mapped memory, with one writer and any number of readers.

Layout, all numbers native int64 (the files are of one machine and never leave it):

    header   8 numbers: format, numbers in an entry, how many writers there have been, zeroes
    entries  2 * MOST_LIMITS: entry 2 * slot + parity belongs to the limit with that slot, in windows of that parity, so
             that a window and the one after it are kept side by side

The first two numbers of an entry are the limit's id and the start of its window; the entry means nothing for another
limit or window. A writer that begins a window writes 0 for the id, then the values, then the start, then the id.

Mapped pages belong to the kernel: what is written is there for every process at once, and survives the death of the
writer at any moment. The file is allocated when it is made, so that a full disk cannot interrupt a writer.
Each number is read and written at once: it is aligned, and memoryview copies it as a whole.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from gemtap.limits.limits import MOST_LIMITS, Limit
from gemtap.limits.windows import Window

_FORMAT: Final = 1
HEADER: Final = 8
"""Numbers before the first entry."""
_NUMBER: Final = 8

ID: Final = 0
START: Final = 1
"""Places in an entry."""


def entry_of(limit: Limit, window: Window) -> int:
    """The number of the entry for a limit and a window."""
    return 2 * limit.slot + window.parity


class LedgerFile:
    """One file. Whoever holds its lock is its writer."""

    def __init__(self, path: Path, width: int, *, create: bool = False) -> None:
        """`width`: numbers in an entry. Raises OSError: FileNotFoundError if there is none, and `create` is false."""
        self.path = path
        self._width = width
        size = _NUMBER * (HEADER + 2 * MOST_LIMITS * width)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        try:
            if create:
                os.posix_fallocate(self._file, 0, size)
            elif os.fstat(self._file).st_size < size:
                raise FileNotFoundError(f"{path} is not whole yet")
            self._map = mmap.mmap(self._file, size)
        except BaseException:
            os.close(self._file)
            raise
        self.numbers = memoryview(self._map).cast("q")
        """All numbers of the file. See `at` for where an entry begins."""
        if create and self.numbers[0] == 0:
            self.numbers[1] = width
            self.numbers[0] = _FORMAT
        if self.numbers[0] == 0:
            self.close()
            raise FileNotFoundError(f"{path} is not whole yet")
        if tuple(self.numbers[:2]) != (_FORMAT, width):
            self.close()
            raise OSError(f"{path} is not of this version of Gemtap. Stop Gemtap and remove it: counts begin at 0 then")

    def at(self, entry: int) -> int:
        """Where an entry begins among the numbers."""
        return HEADER + entry * self._width

    def try_lock(self) -> bool:
        """Become its writer, unless another process is. The kernel ends that with the process. Raises OSError."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self) -> None:
        """Be no longer its writer."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    @property
    def writers(self) -> int:
        """How many processes have been its writer."""
        return self.numbers[2]

    def note_writer(self) -> None:
        """Another process has become its writer. For this one only."""
        self.numbers[2] += 1

    def begin(self, limit: Limit, window: Window) -> int:
        """Where the entry of a limit and a window begins; an entry of another one is cleared. For the writer only."""
        at, numbers = self.at(entry_of(limit, window)), self.numbers
        if numbers[at] != limit.id or numbers[at + START] != window.start:
            numbers[at] = 0
            for place in range(at + 1, at + self._width):
                numbers[place] = 0
            numbers[at + START] = window.start
            numbers[at] = limit.id
        return at

    def value(self, limit: Limit, window: Window, place: int) -> int:
        """One number of an entry; 0 if there is no such entry."""
        at, numbers = self.at(entry_of(limit, window)), self.numbers
        if numbers[at] != limit.id or numbers[at + START] != window.start:
            return 0
        value = numbers[at + place]
        # Another window may have begun in between.
        return value if numbers[at + START] == window.start and numbers[at] == limit.id else 0

    def sync(self) -> None:
        """Write it to the disk: only a power cut makes that necessary. Raises OSError."""
        self._map.flush()

    def close(self) -> None:
        """Let go of it, and of the lock."""
        self.numbers.release()
        with suppress(BufferError):
            self._map.close()
        os.close(self._file)
