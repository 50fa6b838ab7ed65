"""Health of recording, for pages and for process supervisors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gemtap import __version__
from gemtap.capture.backlog import Backlog
from gemtap.capture.spool import Spool
from gemtap.dashboard.health_state import Health
from gemtap.dashboard.limits import warns_whoever_asks
from gemtap.dashboard.scope import is_nobody
from gemtap.recorder.progress import Progress
from gemtap.stores.base import Store, StoreError

_PING_TIMEOUT: Final = 3.0


async def look(store: Store, spool: Spool, waiting: Backlog, progress: Progress) -> Health:
    """The current state."""
    store_error = None
    try:
        async with asyncio.timeout(_PING_TIMEOUT):
            await store.ping()
    except StoreError as exc:
        store_error = str(exc)
    except TimeoutError:
        store_error = f"{store.description} did not answer within {_PING_TIMEOUT:g} s."
    backlog, oldest = await asyncio.to_thread(waiting.look)
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
        warnings=tuple(each["message"] for each in progress.warnings if warns_whoever_asks(each)),
    )


def make_router(look: Callable[[], Awaitable[Health]]) -> APIRouter:
    """The routes `/healthz` (the process answers) and `/readyz` (captures are recorded)."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 while what is captured is recorded, else 503. With access keys, only those who have one are told more."""
        health = await look()
        told = health.as_json()
        if is_nobody():
            told = {"status": told["status"]}
        return JSONResponse(told, 200 if health.ok else 503)

    return router
