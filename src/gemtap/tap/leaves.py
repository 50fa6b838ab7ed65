"""The certificates with which the tap ends TLS for the hosts of providers: made when first needed, kept in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gemtap.providers.hosts import provider_domains

if TYPE_CHECKING:
    from gemtap.interception.authority import Authority, Leaf

_REMEMBERED: Final = 256
"""Hosts. Vertex AI has one for each location, and clients name those."""


class Leaves:
    """The certificates of hosts, of one authority at a time."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the authority, which is made there if there is none."""
        self._folder = folder
        self._authority: Authority | None = None
        self._read_at: int | None = None
        self._leaves: dict[str, Leaf] = {}
        self._lock = asyncio.Lock()

    async def of(self, host: str) -> Leaf:
        """The certificate of a host. Raises OSError without an authority, and NotCovered, see `authority`."""
        authority = await self._current()
        leaf = self._leaves.get(host)
        if leaf is None or not leaf.is_fresh:
            if len(self._leaves) >= _REMEMBERED:
                self._leaves.pop(next(iter(self._leaves)))
            leaf = self._leaves[host] = authority.server_context(host)
        return leaf

    async def authority(self) -> bytes:
        """The certificate of the authority (PEM). Raises OSError."""
        return (await self._current()).pem

    async def _current(self) -> Authority:
        async with self._lock:
            if self._authority is None or self._changed_at() != self._read_at:
                # Importing cryptography takes 0.1 s, in which streams would wait.
                self._authority = await asyncio.to_thread(_load, self._folder)
                self._read_at = self._changed_at()
                self._leaves.clear()
            return self._authority

    def _changed_at(self) -> int | None:
        """When the authority was last written: `gemtap ca rotate` replaces it."""
        try:
            return (self._folder / "ca.pem").stat().st_mtime_ns
        except OSError:
            return None


def _load(folder: Path) -> Authority:
    from gemtap.interception.authority import authority_in

    return authority_in(folder, provider_domains())
