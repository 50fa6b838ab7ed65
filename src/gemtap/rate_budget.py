"""A bounded rate with a bounded burst: a token bucket."""

from __future__ import annotations


class RateBudget:
    """How often something may happen."""

    def __init__(self, burst: int, each_second: float, now: float) -> None:
        """`burst`: how often at once; `each_second`: how often from then on; `now`: seconds of a monotonic clock."""
        self._burst = burst
        self._each_second = each_second
        self._left = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether it may happen once more at this time, in seconds of the same clock."""
        self._left = min(self._burst, self._left + (now - self._at) * self._each_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
