"""Health of recording, for pages and for process supervisors."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gemtap import __version__
from gemtap.capture.spool import Spool
from gemtap.interaction import iso
from gemtap.recorder.drain import Progress
from gemtap.stores.base import Store, StoreError

_PING_TIMEOUT: Final = 3.0


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


async def look(store: Store, spool: Spool, progress: Progress) -> Health:
    """The current state."""
    store_error = None
    try:
        async with asyncio.timeout(_PING_TIMEOUT):
            await store.ping()
    except StoreError as exc:
        store_error = str(exc)
    except TimeoutError:
        store_error = f"{store.description} did not answer within {_PING_TIMEOUT:g} s."
    backlog, oldest = spool.oldest()
    return Health(
        store=store.description,
        store_error=store_error,
        backlog=backlog,
        oldest=oldest,
        failed=spool.failed_count(),
        recording_error=progress.last_error,
        recorded=progress.recorded,
        full=progress.full,
        lost=progress.lost,
    )


def make_router(store: Store, spool: Spool, progress: Progress) -> APIRouter:
    """The routes `/healthz` (the process answers) and `/readyz` (captures are recorded)."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 while what is captured is recorded, else 503."""
        health = await look(store, spool, progress)
        return JSONResponse(health.as_json(), 200 if health.ok else 503)

    return router
