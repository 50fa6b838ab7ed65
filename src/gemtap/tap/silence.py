"""The silence of an upstream in a WebSocket session."""

from __future__ import annotations

import asyncio
import time

from gemtap.tap.errors import upstream_timeout


class Silence:
    """How long an upstream has owed the client anything at all."""

    def __init__(self, upstream: str, limit: float) -> None:
        self._upstream = upstream
        self._limit = limit
        self._since: float | None = None
        """When the client sent the first message after the upstream's last frame."""

    def asked(self) -> None:
        """The client has sent a message."""
        if self._since is None:
            self._since = time.monotonic()

    def heard(self) -> None:
        """The upstream has sent data or a pong."""
        self._since = None

    async def watch(self) -> None:
        """Raise ExchangeFault when the upstream has been silent for too long."""
        while True:
            waited = time.monotonic() - self._since if self._since is not None else 0.0
            if waited >= self._limit:
                raise upstream_timeout(self._upstream, self._limit)
            await asyncio.sleep(self._limit - waited)
