"""Hosts whose clients speak gRPC, which is tunnelled.

Clients of gRPC offer HTTP/2 alone, as few others do: only a request tells one from the other. Its first request is
refused in a way that makes it connect again, and from then on such clients have a tunnel to that host for a while.
"""

from __future__ import annotations

import time
from typing import Final

_REMEMBERED: Final = 600.0
"""Seconds after the last client of this kind."""

_HOSTS: Final = 256


class GrpcHosts:
    """Hosts, remembered for a while."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, host: str) -> None:
        """A client of gRPC has been there, or one that offers HTTP/2 alone does not trust the authority."""
        if len(self._until) >= _HOSTS:
            self._until.pop(next(iter(self._until)))
        self._until[host] = time.monotonic() + _REMEMBERED

    def has(self, host: str) -> bool:
        """Whether there was one lately."""
        return self._until.get(host, 0.0) > time.monotonic()
