"""The policy of captures: the limits of the spool, and what happens at a limit."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from bson import ObjectId

from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Spool
from gemtap.capture.syncing import CaptureSync
from gemtap.capture.tap_folder import Capture, TapFolder
from gemtap.rate_budget import RateBudget

_log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 1.0

_SHARE_OF_TIME: Final = 0.02
"""Maximum share of a tap's time for measuring the spool, which takes a second with 100,000 waiting captures."""

REFUSED_A_MINUTE: Final = 60
"""Requests without a valid access key that are recorded, and so many that a limit refuses: at once, and then evenly. It
shows who asks for what."""

WhenFull = Literal["forward", "refuse"]


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """Limits of the size of the spool and of free disk space, from the settings with these names."""

    spool_max_bytes: int
    disk_min_free_bytes: int

    def broken_by(self, spool: Spool, size: int) -> str | None:
        """The limit that is reached, for people, or None. `size` is that of the spool, in bytes."""
        if size >= self.spool_max_bytes:
            return f"the spool holds {_gib(size)}, and spool_max_bytes allows {_gib(self.spool_max_bytes)}"
        free = shutil.disk_usage(spool.path).free
        if free < self.disk_min_free_bytes:
            return f"{_gib(free)} of the disk are free, and disk_min_free_bytes is {_gib(self.disk_min_free_bytes)}"
        return None


class CapturePolicy:
    """Begins the captures of one tap while there is space, and counts exchanges without a capture."""

    def __init__(
        self,
        spool: Spool,
        folder: TapFolder,
        limits: SpoolLimits,
        *,
        lost: LossCounter,
        refused: LossCounter,
        when_full: WhenFull = "forward",
        sync: CaptureSync | None = None,
        strangers: LossCounter | None = None,
        limited: LossCounter | None = None,
    ) -> None:
        """Without `sync`, the kernel decides when captures are written to the disk.

        `strangers` and `limited` count refused requests that are not captured on purpose.
        """
        self.lost = lost
        """Counts exchanges that continued without a complete capture."""
        self.refused = refused
        """Counts refused exchanges."""
        self.full: str | None = None
        """Why no capture may begin now, or None."""
        self._spool = spool
        self._folder = folder
        self._limits = limits
        self._when_full = when_full
        self._strangers = _Bounded(strangers)
        self._limited = _Bounded(limited)
        self.sync = sync

    def records_stranger(self, cause: str) -> bool:
        """Whether a request without a valid access key is recorded. Others are counted, so that none fills the disk.

        `cause`: why it is refused.
        """
        return self._strangers.records(cause)

    def records_limited(self, cause: str) -> bool:
        """The same of a request for which a limit has no room: a runaway client may repeat it all the time."""
        return self._limited.records(cause)

    def begin(self, id_: ObjectId) -> Capture | None:
        """Begin the capture of an exchange. Counts the exchange and returns None if that is impossible."""
        cause = self.full
        if cause is None:
            try:
                return self._folder.capture(id_)
            except OSError as exc:
                cause = str(exc)
        (self.refused if self.refuses else self.lost).add(cause)
        return None

    async def durable(self, capture: Capture) -> None:
        """Return when captured data may be forwarded: see `CaptureSync.durable`. Raises OSError."""
        if self.sync is not None:
            await self.sync.durable(capture)

    @property
    def refuses(self) -> bool:
        """Whether exchanges are refused if they cannot be captured."""
        return self._when_full == "refuse"

    def check_disk(self) -> None:
        """See whether the disk has room, before the first exchange. `watch` measures the spool as well."""
        with suppress(OSError):
            self.full = self._limits.broken_by(self._spool, 0)

    async def watch(self) -> None:
        """Once a second, check the limits, and do the upkeep of the journal, until cancelled."""
        size, measured_at, took = 0, float("-inf"), 0.0
        while True:
            started = time.monotonic()
            try:
                if started - measured_at > took / _SHARE_OF_TIME:
                    # In a thread, so that streams do not wait while a large folder is read.
                    size = await asyncio.to_thread(self._spool.size)
                    measured_at, took = started, time.monotonic() - started
                full = self._limits.broken_by(self._spool, size)
            except OSError as exc:
                _log.warning("How full the spool is cannot be told: %s", exc)
                full = None
            if self.full is not None and full is None:
                _log.warning("There is room again: exchanges are recorded.")
            self.full = full
            for losses in (self.lost, self.refused, self._strangers.counted, self._limited.counted):
                if losses is not None:
                    losses.hand_on()
            await self._folder.upkeep()
            await asyncio.sleep(_LOOK_EVERY)


class _Bounded:
    """Decides which refused requests of one kind are recorded, and counts the others."""

    def __init__(self, counted: LossCounter | None) -> None:
        self.counted = counted
        self._budget = RateBudget(REFUSED_A_MINUTE, REFUSED_A_MINUTE / 60, time.monotonic())

    def records(self, cause: str) -> bool:
        if self._budget.take(time.monotonic()):
            return True
        if self.counted is not None:
            self.counted.add(cause)
        return False


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
