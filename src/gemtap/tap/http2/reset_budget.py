"""How many streams a client may cancel: each costs Gemtap and the upstream more than the client (CVE-2023-44487)."""

from __future__ import annotations

from typing import Final

_BURST: Final = 1000
_EACH_SECOND: Final = 33.0
"""The limits of nghttp2, which clients have lived with since 2023."""


class ResetBudget:
    """Cancelled streams of one connection."""

    def __init__(self, now: float) -> None:
        self._left = float(_BURST)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more stream may be cancelled at this time (seconds)."""
        self._left = min(_BURST, self._left + (now - self._at) * _EACH_SECOND)
        self._at = now
        self._left -= 1
        return self._left >= 0
