"""Incidents of recording, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gemtap.interaction import to_json
from gemtap.stores.base import Store


def make_router(store: Store) -> APIRouter:
    """The route `/api/events`."""
    router = APIRouter(tags=["health"])

    @router.get("/events")
    async def events(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
        """Outages of the store, exchanges that could not be recorded, captures and bodies that could not be read."""
        return {"items": [to_json(incident) for incident in await store.incidents.newest(limit=limit)]}

    return router
