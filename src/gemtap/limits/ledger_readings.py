"""Reading all files of a ledger: see `gemtap.limits.ledger` for what they mean."""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gemtap.limits.ledger_file import HEADER, START, LedgerFile, entry_of
from gemtap.limits.limits import MOST_LIMITS, Limit
from gemtap.limits.windows import Window

FOLDER: Final = "ledger"
"""In the data directory."""

TAP_WIDTH: Final = 4
ADMITTED, IS_CONCURRENT = 2, 3

DESK_WIDTH: Final = 8
CORRECTION, OTHERS, SETTLED, ACTUAL = 2, 3, 4, 5

DESK_NAME: Final = "desk.bin"
_COUNT: Final = "taps.bin"
_NUMBER: Final = 8
_MOST_TAPS: Final = 1024
_MOMENT: Final = 0.005


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used in its present window."""

    limit: Limit
    window: Window
    used: int
    """What counts against the limit: recorded usage, estimates of what is under way, and other Gemtaps' usage."""
    reserved: int
    """The part of it that is estimates: of what is under way or not recorded yet."""
    others: int
    """The part of it that other Gemtaps with the same database have."""

    @property
    def share(self) -> float:
        """Used of the amount; 1.0 is all of it. A limit of 0 is used up."""
        return self.used / self.limit.amount if self.limit.amount else 1.0


class Readings:
    """All files of a ledger, for reading. `refresh` finds new ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taps: dict[int, LedgerFile] = {}
        self._tap_numbers: list[memoryview[int]] = []
        self._desk: LedgerFile | None = None
        self._count: TapCount | None = None
        self._known = 0
        self._ended: dict[int, int] = {}
        """How many writers the file of a dead tap had when its concurrent requests were ended."""

    def refresh(self) -> None:
        """Open what files there are by now. Raises OSError."""
        if self._count is None:
            try:
                self._count = TapCount(self._folder)
            except FileNotFoundError:
                return  # no tap has counted anything yet
        self._known = self._count.value
        for number in range(self._known):
            if number not in self._taps:
                self._taps[number] = LedgerFile(self._folder / tap_name(number), TAP_WIDTH)
                self._tap_numbers.append(self._taps[number].numbers)
        if self._desk is None:
            try:
                self._desk = LedgerFile(self._folder / DESK_NAME, DESK_WIDTH)
            except FileNotFoundError:
                pass

    def check_taps(self) -> None:
        """Open the file of a tap that has started since. Raises OSError."""
        if self._count is None or self._count.value != self._known:
            self.refresh()

    def used(self, limit: Limit, window: Window) -> int:
        """The usage of a limit. It may be too high for a moment, never too low."""
        # Written out, for it is called several times while a request waits: see `LedgerFile.value`, twice as slow.
        entry, id_, start = entry_of(limit, window), limit.id, window.start
        used = 0
        if self._desk is not None:
            numbers, at = self._desk.numbers, HEADER + entry * DESK_WIDTH
            if numbers[at] == id_ and numbers[at + START] == start:
                corrected = numbers[at + CORRECTION] + numbers[at + OTHERS]
                if numbers[at + START] == start and numbers[at] == id_:
                    used = corrected
        at = HEADER + entry * TAP_WIDTH
        for numbers in self._tap_numbers:
            if numbers[at] == id_ and numbers[at + START] == start:
                admitted = numbers[at + ADMITTED]
                if numbers[at + START] == start and numbers[at] == id_:
                    used += admitted
        return used

    def admitted(self, limit: Limit, window: Window) -> int:
        """What the taps of this Gemtap have admitted."""
        return sum(tap.value(limit, window, ADMITTED) for tap in self._taps.values())

    def usage(self, limit: Limit, window: Window) -> Usage:
        """The usage with its parts."""
        others = settled = 0
        if self._desk is not None:
            others = self._desk.value(limit, window, OTHERS)
            settled = self._desk.value(limit, window, SETTLED)
        reserved = self.admitted(limit, window) - settled if limit.measure in ("tokens", "cost") else 0
        return Usage(limit, window, max(0, self.used(limit, window)), max(0, reserved), others)

    def end_dead_taps(self, own: int | None = None) -> None:
        """Set to 0 the concurrent requests of taps that have died. Taps that run hold the locks of their files."""
        for number, tap in self._taps.items():
            if number != own and tap.try_lock():
                try:
                    if self._ended.get(number) != tap.writers:
                        end_concurrent(tap)
                        self._ended[number] = tap.writers
                finally:
                    tap.unlock()

    def close(self) -> None:
        """Let go of the files."""
        for file in (*self._taps.values(), *([self._desk] if self._desk is not None else [])):
            file.close()
        if self._count is not None:
            self._count.close()
        self._taps.clear()
        self._tap_numbers.clear()
        self._desk = self._count = None


class TapCount:
    """`taps.bin`: how many files of taps there are. It only grows."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Raises OSError: FileNotFoundError if there is none, and `create` is false."""
        self._file = os.open(folder / _COUNT, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        if create:
            os.posix_fallocate(self._file, 0, _NUMBER)
        elif os.fstat(self._file).st_size < _NUMBER:
            os.close(self._file)
            raise FileNotFoundError(f"{folder / _COUNT} is not whole yet")
        self._map = mmap.mmap(self._file, _NUMBER)
        self._numbers = memoryview(self._map).cast("q")

    @property
    def value(self) -> int:
        """The number."""
        return self._numbers[0]

    def take_slot(self, folder: Path) -> tuple[int, LedgerFile]:
        """The first file of a tap that no tap has, counted before anything is admitted in it. Raises OSError."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            for number in range(_MOST_TAPS):
                file = LedgerFile(folder / tap_name(number), TAP_WIDTH, create=True)
                if _locked(file):
                    file.note_writer()
                    # After a power cut, the count may be behind the files.
                    self._numbers[0] = max(self._numbers[0], len(list(folder.glob("tap-*.bin"))))
                    return number, file
                file.close()
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        raise OSError(f"{folder} has no room for another tap")

    def close(self) -> None:
        """Let go of it."""
        self._numbers.release()
        self._map.close()
        os.close(self._file)


def _locked(file: LedgerFile) -> bool:
    """Lock it, unless a tap has it. Whoever looks for dead taps has it for a moment."""
    if file.try_lock():
        return True
    time.sleep(_MOMENT)
    return file.try_lock()


def tap_name(number: int) -> str:
    """The name of the file with this number."""
    return f"tap-{number}.bin"


def end_concurrent(tap: LedgerFile) -> None:
    """Set to 0 the concurrent requests of a tap. For the writer of its file only."""
    for entry in range(2 * MOST_LIMITS):
        at = tap.at(entry)
        if tap.numbers[at + IS_CONCURRENT]:
            tap.numbers[at + ADMITTED] = 0
