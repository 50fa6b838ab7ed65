"""How recording goes, as pages and health checks ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gemtap.incident import Incident


@dataclass
class Progress:
    """The state of recording, for health checks."""

    recorded: int = 0
    failed: int = 0
    last_error: str | None = None
    """Why the store takes nothing now; None while it does."""
    last_error_at: datetime | None = None
    full: str | None = None
    """Why the taps capture nothing now: a limit of the spool is reached."""
    warnings: list[Incident] = field(default_factory=list)
    """What people should know now: limits that are nearly used up, and unusual rates."""
    lost: int = 0
    """Exchanges that went unrecorded of late and are not among the stored incidents yet."""
