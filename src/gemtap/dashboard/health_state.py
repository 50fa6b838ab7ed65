"""Health of recording, as every page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gemtap import __version__
from gemtap.interaction import iso


@dataclass(frozen=True, slots=True)
class Health:
    """State of recording."""

    store: str
    """The store's address, without its password."""
    store_error: str | None
    """Why the store is unavailable, or None."""
    backlog: int
    """Number of captures that wait in the spool."""
    oldest: datetime | None
    """Start time of the oldest waiting exchange."""
    failed: int
    """Number of captures that can never be stored."""
    recording_error: str | None
    recorded: int
    """Number since the desk started."""
    full: str | None
    """Why the proxy captures nothing now, such as a limit of the spool, or None."""
    lost: int
    """Number of exchanges that were recently not recorded."""
    warnings: tuple[str, ...] = ()
    """Warnings of limits and unusual rates that concern whoever asks."""

    @property
    def ok(self) -> bool:
        """Whether exchanges are captured and captures are recorded."""
        return self.error is None

    @property
    def error(self) -> str | None:
        """Why recording fails."""
        full = f"The proxy captures nothing: {self.full}." if self.full is not None else None
        return full or self.recording_error or self.store_error

    def as_json(self) -> dict[str, Any]:
        """The JSON of `/readyz`."""
        return {
            "status": "ok" if self.ok else "degraded",
            "backlog": self.backlog,
            "failed": self.failed,
            "store": self.store,
            "error": self.error,
            "lost": self.lost,
            "oldest": iso(self.oldest) if self.oldest is not None else None,
            "oldest_age_s": round((datetime.now(UTC) - self.oldest).total_seconds()) if self.oldest else None,
            "recorded": self.recorded,
            "version": __version__,
        }
