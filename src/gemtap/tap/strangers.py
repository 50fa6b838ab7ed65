"""Requests without a valid access key: some are recorded, the others counted, so that no stranger fills the disk."""

from __future__ import annotations

import time
from typing import Final

from gemtap.capture.loss_counter import LossCounter

RECORDED_A_MINUTE: Final = 60
"""Enough to see who asks for what."""


class Strangers:
    """Decides which refused requests are recorded: the first ones, and one a second of those that follow."""

    def __init__(self, counted: LossCounter) -> None:
        """`counted` counts the others."""
        self._counted = counted
        self._left = float(RECORDED_A_MINUTE)
        self._looked_at = time.monotonic()

    def records(self, cause: str) -> bool:
        """Whether this request is recorded. It is counted otherwise; `cause` says why it is refused."""
        now = time.monotonic()
        regained = (now - self._looked_at) * RECORDED_A_MINUTE / 60
        self._left, self._looked_at = min(self._left + regained, RECORDED_A_MINUTE), now
        if self._left < 1:
            self._counted.add(cause)
            return False
        self._left -= 1
        return True
