"""The actions of the simulated API on a connection, as a list of steps.

Surfaces only create scripts; only the server performs them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begin:
    """Send status line and headers."""

    status: int
    content_type: str
    length: int | None = None
    """The Content-Length, or None for chunked transfer. A compressed body is always chunked."""
    headers: tuple[tuple[str, str], ...] = ()
    """Additional headers."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a piece of the body in a separate write, or one WebSocket message."""

    piece: bytes
    is_text: bool = False
    """Whether a WebSocket message is a text. Google's are binary."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more, and keep the connection open until the client disconnects."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Drop the connection without completing the response."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close a WebSocket."""

    code: int
    reason: str


Step = Begin | Send | Pause | Stall | Disconnect | Close

Script = list[Step]
"""Steps in order. The response is completed after the last step unless that is `Stall` or `Disconnect`."""
