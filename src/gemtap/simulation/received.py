"""Requests that the simulated API received, kept so that tests can compare them with what was sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

KEPT_BODY: Final = 4 * 1024 * 1024
"""Number of bytes of a body to keep."""


@dataclass(slots=True)
class ReceivedRequest:
    """One received request."""

    method: str
    target: str
    """The raw path and query, undecoded."""
    headers: list[tuple[bytes, bytes]]
    """In original order and spelling, including repeated headers."""
    body: bytes = b""
    """The first `KEPT_BODY` bytes of the body."""
    body_bytes: int = 0
    """The size of the whole body."""
    sha256: str = hashlib.sha256().hexdigest()
    """SHA-256 of the whole body, in hexadecimal."""
    aborted: bool = False
    """Whether the client disconnected before the end of its request or of the response."""
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the exchange is over, however it ended. The other fields are final only then."""

    @property
    def body_is_whole(self) -> bool:
        """Whether `body` is complete."""
        return len(self.body) == self.body_bytes

    def header_values(self, name: str) -> list[str]:
        """All values of a header. The name is case-insensitive."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]

    async def take_body(self, pieces: AsyncIterator[bytes], sink: Callable[[bytes], None] | None = None) -> None:
        """Read the body to its end, keeping at most `KEPT_BODY` bytes in memory.

        Every piece is also passed to `sink` as it arrives.
        """
        digest = hashlib.sha256()
        kept = bytearray()
        try:
            async for piece in pieces:
                digest.update(piece)
                kept += piece[: KEPT_BODY - len(kept)]
                self.body_bytes += len(piece)
                if sink is not None:
                    sink(piece)
        finally:
            self.body = bytes(kept)
            self.sha256 = digest.hexdigest()
