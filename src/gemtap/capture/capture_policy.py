"""Whether an exchange can be captured: the spool's limits, and what is done where one is reached."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from dataclasses import dataclass
from typing import Final, Literal

from bson import ObjectId

from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Capture, Spool, TapFolder
from gemtap.capture.syncing import CaptureSync

_log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 1.0

_SHARE_OF_TIME: Final = 0.02
"""How much of a tap's time measuring the spool may take: with 100,000 captures waiting it takes a second."""

WhenFull = Literal["forward", "refuse"]


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much the spool may hold, and how much of the disk it must leave to others: the settings of that name."""

    spool_max_bytes: int
    disk_min_free_bytes: int

    def broken_by(self, spool: Spool, size: int) -> str | None:
        """Which of them is reached, in words; None where there is room. `size` is the spool's, in bytes."""
        if size >= self.spool_max_bytes:
            return f"the spool holds {_gib(size)}, and spool_max_bytes allows {_gib(self.spool_max_bytes)}"
        free = shutil.disk_usage(spool.path).free
        if free < self.disk_min_free_bytes:
            return f"{_gib(free)} of the disk are free, and disk_min_free_bytes is {_gib(self.disk_min_free_bytes)}"
        return None


class CapturePolicy:
    """The captures of one tap: begun where there is room, and where there is none, counted."""

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
    ) -> None:
        """Without `sync`, the kernel decides when captures get to the disk."""
        self.lost = lost
        """Exchanges that went on without a capture, or without a whole one."""
        self.refused = refused
        """Exchanges that did not go on."""
        self.full: str | None = None
        """Why no capture may begin now."""
        self._spool = spool
        self._folder = folder
        self._limits = limits
        self._when_full = when_full
        self.sync = sync

    def begin(self, id_: ObjectId) -> Capture | None:
        """The capture of an exchange, or None where there can be none. That is counted."""
        cause = self.full
        if cause is None:
            try:
                return self._folder.capture(id_)
            except OSError as exc:
                cause = str(exc)
        (self.refused if self.refuses else self.lost).add(cause)
        return None

    async def durable(self, capture: Capture) -> None:
        """Return when what was captured may be passed on: see `CaptureSync.durable`. Raises OSError."""
        if self.sync is not None:
            await self.sync.durable(capture)

    @property
    def refuses(self) -> bool:
        """Whether an exchange that cannot be captured must not go on."""
        return self._when_full == "refuse"

    async def watch(self) -> None:
        """Look at the limits again and again, until cancelled."""
        size, measured_at, took = 0, float("-inf"), 0.0
        while True:
            started = time.monotonic()
            try:
                if started - measured_at > took / _SHARE_OF_TIME:
                    # In a thread: a stream must not wait for the reading of a large folder.
                    size = await asyncio.to_thread(self._spool.size)
                    measured_at, took = started, time.monotonic() - started
                full = self._limits.broken_by(self._spool, size)
            except OSError as exc:
                _log.warning("How full the spool is cannot be told: %s", exc)
                full = None
            if self.full is not None and full is None:
                _log.warning("There is room again: exchanges are recorded.")
            self.full = full
            for losses in (self.lost, self.refused):
                losses.hand_on()
            await asyncio.sleep(_LOOK_EVERY)


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
