"""What the simulated API does on a connection, as a list of steps.

Everything that decides makes a script; only the server performs one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begin:
    """Send the head."""

    status: int
    content_type: str
    length: int | None = None
    """The Content-Length; None for a body in chunks. A compressed body is always sent in chunks."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a piece of the body, in a write of its own; on a WebSocket one message."""

    piece: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more, and keep the connection until the client leaves."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Drop the connection without ending the answer."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close a WebSocket."""

    code: int
    reason: str


Step = Begin | Send | Pause | Stall | Disconnect | Close

Script = list[Step]
"""Unless it ends in `Stall` or `Disconnect`, the answer ends properly after its last step."""
