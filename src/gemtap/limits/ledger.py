"""The ledger: how much of each limit is used, in files that all taps and the desk of a data directory share.

    ledger/id         the ledger's id, 16 hexadecimal digits: reservations in captures and documents name it
    ledger/tap-N.bin  one for each tap that runs, or ran, at the same time: what it admitted
    ledger/taps.bin   one int64: how many of these there are; locked while a tap takes one
    ledger/desk.bin   what has been settled, and what other Gemtaps with the same database use

Each file has one writer, which holds its lock (see `ledger_file`). The usage of a limit in a window is

    sum over all taps of ADMITTED  +  CORRECTION  +  OTHERS

`ADMITTED` are the estimates of what a tap let pass, for requests and concurrent requests their number. `CORRECTION` is,
for every interaction that is recorded, what it really used minus what was reserved for it: one number, so that both
count at the same moment. Without a desk it stands still, and the estimates count.

- A tap adds its own claim first, sums all files then, and takes the claim back if that is too much. Whatever two taps
  do at once, at least one of them sees the other's claim: a limit is never passed.
- `CORRECTION` is read before `ADMITTED`. What is settled in between is counted with its estimate and not left out.
- A tap that dies leaves its file as it was. The next tap that takes it goes on with its sums. Its concurrent requests
  ended with it, and are set to 0 by whoever finds its file unlocked.

A tap's entry is `id, start, admitted, is concurrent`; the desk's `id, start, correction, others, settled, actual`.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from gemtap.limits.ledger_file import ID, START, LedgerFile
from gemtap.limits.ledger_readings import (
    ACTUAL,
    ADMITTED,
    CORRECTION,
    DESK_NAME,
    DESK_WIDTH,
    FOLDER,
    IS_CONCURRENT,
    OTHERS,
    SETTLED,
    Readings,
    TapCount,
    Usage,
    end_concurrent,
)
from gemtap.limits.limits import Limit
from gemtap.limits.windows import Window, window_at, window_from

_ATTEMPTS: Final = 3
"""How often a claim is tried that fails only because another tap claims at the same moment."""


class Claim(NamedTuple):
    """So much of a limit in a window."""

    limit: Limit
    window: Window
    amount: int


class Refused(NamedTuple):
    """The limit that a request would pass."""

    claim: Claim
    used: int
    """What is used of it without the request."""
    reserved: int
    """The part of it that is estimates, which may turn out too high."""


class TapLedger:
    """The ledger as a tap has it: it admits and withdraws, and writes the file of its slot."""

    def __init__(self, data_dir: Path) -> None:
        """Take a slot of a ledger, which is made if there is none. Raises OSError."""
        folder = data_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.id = ledger_id(data_dir)
        """The ledger's."""
        count = TapCount(folder, create=True)
        try:
            self._slot, self._own = count.take_slot(folder)
        finally:
            count.close()
        self._readings = Readings(folder)
        self._fence = threading.Lock()
        end_concurrent(self._own)
        self.refresh()

    def refresh(self) -> None:
        """Look for the desk's file, and end what died with a tap: several times a second. Raises OSError."""
        self._readings.refresh()
        self._readings.end_dead_taps(own=self._slot)

    def admit(self, claims: Sequence[Claim]) -> Refused | None:
        """Count the claims, all or none of them; returns the first one for which there is no room. Raises OSError."""
        refused: Refused | None = None
        for _ in range(_ATTEMPTS):
            # Mostly there is no room since there was none before: nothing is added for a moment then, which others see.
            refused = self._over(claims, own=True)
            if refused is not None:
                return refused
            for claim in claims:
                self._add(claim)
            refused = self._over(claims, own=False)
            if refused is None:
                return None
            self.withdraw(claims)
        return refused

    def withdraw(self, claims: Iterable[Claim]) -> None:
        """Take claims back that were admitted. A window that is over has nothing left to take back."""
        for claim in claims:
            at = self._own.at(2 * claim.limit.slot + claim.window.parity)
            numbers = self._own.numbers
            if numbers[at] == claim.limit.id and numbers[at + START] == claim.window.start:
                numbers[at + ADMITTED] = max(0, numbers[at + ADMITTED] - claim.amount)

    def used_up(self, limit: Limit, window: Window) -> Refused | None:
        """Whether nothing is left of a limit, whatever is claimed."""
        used = self._readings.used(limit, window)
        if used < limit.amount:
            return None
        return Refused(Claim(limit, window, 0), used, self._readings.usage(limit, window).reserved)

    def usage(self, limit: Limit, now: float) -> Usage:
        """The usage of a limit in its window at this Unix time."""
        return self._readings.usage(limit, window_at(limit.span, now))

    def sync(self) -> None:
        """Write what was admitted to the disk, so that a power cut loses little of it. Raises OSError."""
        self._own.sync()

    def close(self) -> None:
        """Give the slot back. What it has admitted stays."""
        end_concurrent(self._own)
        self._readings.close()
        self._own.close()

    def _add(self, claim: Claim) -> None:
        at = self._own.begin(claim.limit, claim.window)
        if claim.limit.measure == "concurrent":
            self._own.numbers[at + IS_CONCURRENT] = 1
        self._own.numbers[at + ADMITTED] += claim.amount

    def _over(self, claims: Sequence[Claim], *, own: bool) -> Refused | None:
        """The first claim for which there is no room; `own`: they are not counted yet."""
        # A processor may delay a write behind a later read, and two taps would both not see the other's. Taking a lock,
        # even of this process alone, orders them.
        with self._fence:
            pass
        # After the claims were added: a tap that is counted later sees them, and one before is seen here.
        self._readings.check_taps()
        for claim in claims:
            used = self._readings.used(claim.limit, claim.window)
            before = used if own else used - claim.amount
            if before + claim.amount > claim.limit.amount:
                reserved = self._readings.usage(claim.limit, claim.window).reserved
                return Refused(claim, max(0, before), reserved if own else max(0, reserved - claim.amount))
        return None


class DeskLedger:
    """The ledger as the desk has it: it settles what was recorded, and writes `desk.bin`."""

    def __init__(self, data_dir: Path) -> None:
        """Raises OSError, also if another process writes the desk's file."""
        folder = data_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.id = ledger_id(data_dir)
        """The ledger's. Only reservations that name it are settled in it."""
        self._own = LedgerFile(folder / DESK_NAME, DESK_WIDTH, create=True)
        if not self._own.try_lock():
            self._own.close()
            raise OSError(f"{folder / DESK_NAME} has another writer: a second Gemtap uses this data directory")
        self._readings = Readings(folder)
        self.refresh()

    def refresh(self) -> None:
        """Look for the files of new taps: from time to time, once a second is enough. Raises OSError."""
        self._readings.refresh()
        self._readings.end_dead_taps()

    def settle(self, limit: Limit, start: int, reserved: int, actual: int) -> None:
        """Count what an interaction really used in place of what was reserved for it.

        Once for each interaction, when it is stored. `start`: that of the window in the reservation.
        """
        window = window_from(limit.span, start)
        at = self._place(limit, window)
        if at is not None:
            numbers = self._own.numbers
            self._set(at, numbers[at + SETTLED] + reserved, numbers[at + ACTUAL] + actual)

    def set_sums(self, limit: Limit, start: int, settled: int, actual: int) -> None:
        """Replace both sums of a window by those of the documents: all that was reserved for them, and really used.

        No more than was admitted is settled: after a power cut, a tap's file may have lost the last of it.
        """
        window = window_from(limit.span, start)
        at = self._place(limit, window)
        if at is not None:
            self._set(at, min(settled, self._readings.admitted(limit, window)), actual)

    def set_others(self, limit: Limit, start: int, used: int) -> None:
        """Replace what other Gemtaps with the same database use in a window."""
        at = self._place(limit, window_from(limit.span, start))
        if at is not None:
            self._own.numbers[at + OTHERS] = used

    def own_used(self, limit: Limit, start: int) -> int:
        """What this Gemtap alone uses in a window: for the others to read."""
        window = window_from(limit.span, start)
        others = self._own.value(limit, window, OTHERS)
        return max(0, self._readings.used(limit, window) - others)

    def usage(self, limit: Limit, now: float) -> Usage:
        """The usage of a limit in its window at this Unix time."""
        return self._readings.usage(limit, window_at(limit.span, now))

    def sync(self) -> None:
        """Write it to the disk. Raises OSError."""
        self._own.sync()

    def close(self) -> None:
        """Let go of the files."""
        self._readings.close()
        self._own.close()

    def _place(self, limit: Limit, window: Window) -> int | None:
        """Where the entry is; None for a window that is over and whose entry a later one has."""
        at = self._own.at(2 * limit.slot + window.parity)
        start = self._own.numbers[at + START]
        # One in the future is left from when the clock was wrong.
        if self._own.numbers[at + ID] == limit.id and window.start < start <= time.time():
            return None
        return self._own.begin(limit, window)

    def _set(self, at: int, settled: int, actual: int) -> None:
        numbers = self._own.numbers
        numbers[at + CORRECTION] = actual - settled
        numbers[at + SETTLED], numbers[at + ACTUAL] = settled, actual


class LedgerReader:
    """The ledger for whoever only shows it. Use as a context manager."""

    def __init__(self, data_dir: Path) -> None:
        """Raises OSError. A data directory without a ledger has no usage yet."""
        self._readings = Readings(data_dir / FOLDER)
        self._readings.refresh()

    def usage(self, limit: Limit, now: float | None = None) -> Usage:
        """The usage of a limit in its window, at this Unix time or now."""
        return self._readings.usage(limit, window_at(limit.span, time.time() if now is None else now))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._readings.close()


def ledger_id(data_dir: Path) -> str:
    """The id of a data directory's ledger, which the first call makes. Raises OSError."""
    path = data_dir / FOLDER / "id"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        try:
            found = path.read_text("ascii").strip()
        except FileNotFoundError:
            draft = path.with_name(f"id.{os.getpid()}")
            draft.write_text(secrets.token_hex(8) + "\n", "ascii")
            try:
                # Linked, it is whole when it appears, and the first of several processes wins.
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
            continue
        return found
