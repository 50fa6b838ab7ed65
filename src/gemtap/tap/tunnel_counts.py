"""How many tunnels there were, and to which hosts: in memory, and nothing else of them is known."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

_HOSTS: Final = 256
"""Hosts that are told apart; the rest is counted as one."""

_OTHERS: Final = "others"


class TunnelCounts:
    """Tunnels and bytes, by host."""

    def __init__(self, *, by_host: bool) -> None:
        """`by_host`: whether hosts are remembered at all."""
        self.open = 0
        """Tunnels that are open now."""
        self.intercepted = 0
        """Connections whose TLS was ended."""
        self._by_host = by_host
        self._tunnels: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def add(self, host: str, copied: int) -> None:
        """A tunnel is over."""
        name = host if self._by_host and (host in self._tunnels or len(self._tunnels) < _HOSTS) else _OTHERS
        self._tunnels[name] += 1
        self._bytes[name] += copied

    def shown(self) -> dict[str, Any]:
        """The counts as JSON values."""
        hosts = {host: {"tunnels": count, "bytes": self._bytes[host]} for host, count in self._tunnels.most_common()}
        return {
            "open": self.open,
            "intercepted": self.intercepted,
            "tunnels": self._tunnels.total(),
            "bytes": self._bytes.total(),
            "hosts": hosts if self._by_host else None,
        }
