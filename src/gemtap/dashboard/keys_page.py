"""The page of access keys, for admins: who has one, and making, replacing and revoking them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gemtap.access.keys import ROLES
from gemtap.dashboard.access_keys import KeyKeeping
from gemtap.dashboard.render import Look, Render, patiently
from gemtap.dashboard.scope import current_user
from gemtap.interaction import iso
from gemtap.stores.base import Filter, Store

_LOOKED_FOR: Final = 50
"""Users whose last request is looked for."""


def make_router(render: Render, store: Store, look: Look, keeping: KeyKeeping) -> APIRouter:
    """The route `/access`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/access")
    async def page(request: Request) -> HTMLResponse:
        rows = (await keeping.read()).shown(datetime.now(UTC))
        last = await asyncio.gather(*(patiently(last_request(row["name"])) for row in rows[:_LOOKED_FOR]))
        context: dict[str, Any] = {
            "health": await look(),
            "rows": rows,
            "last": {row["name"]: moment for row, moment in zip(rows, last, strict=False)},
            "roles": ROLES,
            "is_on": current_user() is not None,
        }
        return await render(request, "access.html", context)

    async def last_request(name: str) -> str:
        """When the user last sent something; empty for never."""
        items = await store.list(Filter(user=name), limit=1)
        return iso(items[0]["timestamp"]) if items else ""

    return router
