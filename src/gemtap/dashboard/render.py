"""How pages are made: in this process where they show little, in a worker where they show what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse

from gemtap.dashboard.access_rules import Rule, rule_of
from gemtap.dashboard.environment import PAGES, Site, fill_in
from gemtap.dashboard.health_state import Health
from gemtap.dashboard.page_contexts import NotThere, fill_in_recorded
from gemtap.dashboard.scope import current_user
from gemtap.stores.base import StoreError
from gemtap.workers import JobFailed, Workers

_SECONDS: Final = 4.0
"""Processor time for a page of recorded content. Most take hundredths of it."""

Look = Callable[[], Awaitable[Health]]
"""How recording goes: every page says so when it does not."""


_PATIENCE: Final = 1.0
"""Seconds to wait for what a list works without: the number of results, facets and saved searches."""

T = TypeVar("T")


async def patiently(reading: Awaitable[T]) -> T | None:
    """What the store tells in time, or None."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await reading
    except (StoreError, TimeoutError):
        return None


class Render:
    """Makes pages of templates."""

    def __init__(self, site: Site, workers: Workers) -> None:
        self._site = site
        self._workers = workers

    async def __call__(
        self, request: Request, template: str, context: dict[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """A page that shows no bodies, with this status."""
        here = _common(request)
        # A long list takes tenths of a second, and the recorder runs beside it.
        html = await asyncio.to_thread(fill_in, self._site, template, context | here)
        return HTMLResponse(html, status, headers={"cache-control": "no-store"})

    async def recorded(
        self, request: Request, template: str, make_context: Callable[..., dict[str, Any]], *args: Any, **shared: Any
    ) -> HTMLResponse:
        """A page that shows recorded content: a worker makes its context of `args`, adds what is `shared`, and fills
        the template in. Where that takes too much, the page says so and leads to the exact bytes."""
        shared |= _common(request)
        try:
            html = await self.in_worker(fill_in_recorded, self._site, template, make_context, args, shared)
        except JobFailed as exc:
            context = {"id": request.path_params["id_"], "reason": str(exc), "health": shared["health"]}
            return await self(request, "unshowable.html", context)
        return HTMLResponse(html, headers={"cache-control": "no-store"})

    async def in_worker(self, make: Callable[..., Any], *args: Any) -> Any:
        """What a function makes of recorded content. Raises JobFailed, and HTTPException where there is nothing."""
        try:
            return await self._workers.run(_SECONDS, make, *args)
        except NotThere as exc:
            raise HTTPException(404, str(exc)) from exc


def _common(request: Request) -> dict[str, Any]:
    """What every page shows: where it is, and who has signed in."""
    user = current_user()
    signed_in = None if user is None or not user.name else {"name": user.name, "is_admin": user.is_admin}
    # Where nobody signs in, nobody manages access keys on the dashboard.
    pages = [
        (path, title)
        for path, title in PAGES
        if (path != "/access" if signed_in is None else signed_in["is_admin"] or rule_of(path) is not Rule.ADMIN)
    ]
    return {"here": request.url.path, "user": signed_in, "pages": pages}
