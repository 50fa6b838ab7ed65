"""The page of how recording goes: loud where something is not recorded, with what happened to it before."""

from __future__ import annotations

import asyncio
import platform
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gemtap.dashboard.render import Look, Render
from gemtap.incident import Incident
from gemtap.interaction import to_json
from gemtap.stores.base import Store, StoreError

_INCIDENTS: Final = 100

_PATIENCE: Final = 3.0
"""Seconds for what a store that is away will not tell."""


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """`/health`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/health")
    async def page(request: Request) -> HTMLResponse:
        health = await look()
        context = {
            "health": health,
            "incidents": None if health.store_error else await _incidents(store),
            "python": platform.python_version(),
        }
        return await render(request, "health.html", context)

    return router


async def _incidents(store: Store) -> list[dict[str, object]] | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            found: list[Incident] = await store.incidents(limit=_INCIDENTS)
    except (StoreError, TimeoutError):
        return None
    return [to_json(incident) for incident in found]
