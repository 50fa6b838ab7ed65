"""What several Gemtaps with one database use of their common limits: each publishes its own sums for the others.

A Gemtap that is gone goes on counting with what it has used of a window. Its concurrent requests ended with it: they
count only while it publishes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from gemtap.stores.base import SharedValues
from gemtap.stores.limit_usage import WindowKey

_PREFIX: Final = "limit_usage:"

_ALIVE: Final = 5.0
"""Seconds after which a Gemtap that publishes nothing new counts as gone."""

_FORGET: Final = 40 * 86_400
"""Seconds after which all windows of what was published are over."""

Used = Mapping[WindowKey, int]
"""Requests, tokens or micro-dollars by limit and window. Concurrent requests have a window that starts at 0."""


class OtherGemtaps:
    """The exchange of one Gemtap with the others."""

    def __init__(self, ledger: str, shared: SharedValues | None) -> None:
        """`ledger`: the id under which this one publishes."""
        self._shared = shared
        self._name = _PREFIX + ledger
        self._published: list[list[int]] | None = None
        self._versions: dict[str, tuple[int, float]] = {}
        """The version of each Gemtap's sums, and since when it is this one, of this process's clock."""

    async def exchange(self, own: Used, now: float) -> dict[WindowKey, int]:
        """Publish what is used here, and return what the others use. Raises StoreError."""
        if self._shared is None or not own:
            return {}
        await self._publish(self._shared, own, now)
        total: dict[WindowKey, int] = {}
        for name, (version, value) in (await self._shared.beginning_with(_PREFIX)).items():
            if name == self._name:
                continue
            if value["at"] < now - _FORGET:
                await self._shared.remove(name, version)
                continue
            is_alive = self._is_alive(name, version)
            for limit, start, used in value["used"]:
                if start or is_alive:
                    window = WindowKey(int(limit), int(start))
                    total[window] = total.get(window, 0) + int(used)
        return total

    async def _publish(self, shared: SharedValues, own: Used, now: float) -> None:
        used = [[*window, amount] for window, amount in own.items() if amount]
        is_busy = any(start == 0 for _, start, _ in used)
        if is_busy or used != self._published:
            await shared.publish(self._name, {"at": int(now), "used": used})
            self._published = used

    def _is_alive(self, name: str, version: int) -> bool:
        clock = time.monotonic()
        known, since = self._versions.get(name, (None, clock))
        if known != version:
            since = clock
        self._versions[name] = version, since
        return clock - since < _ALIVE
