"""What the simulated API received: kept, so that a test can compare it with what was sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

KEPT_BODY: Final = 4 * 1024 * 1024
"""So much of a body is kept, in bytes."""


@dataclass(slots=True)
class ReceivedRequest:
    """One request as it arrived."""

    method: str
    target: str
    """The raw path and query, undecoded."""
    headers: list[tuple[bytes, bytes]]
    """In their order and spelling, repeated ones repeated."""
    body: bytes = b""
    """The first `KEPT_BODY` bytes of the body."""
    body_bytes: int = 0
    """The size of the whole body."""
    sha256: str = hashlib.sha256().hexdigest()
    """Of the whole body, in hexadecimal."""
    aborted: bool = False
    """The client went away before the end of its request or of our answer."""
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when there is nothing more to come, however it ended; only then do the other fields stand."""

    @property
    def body_is_whole(self) -> bool:
        """Whether `body` is all of it."""
        return len(self.body) == self.body_bytes

    def header_values(self, name: str) -> list[str]:
        """The values of a header, whatever the case of its name."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]

    async def take_body(self, pieces: AsyncIterator[bytes], sink: Callable[[bytes], None] | None = None) -> None:
        """Read the body to its end, in memory that does not grow with it beyond `KEPT_BODY`.

        `sink` is given each piece as it comes.
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
