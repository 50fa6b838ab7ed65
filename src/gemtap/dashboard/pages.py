"""The pages: the list of interactions, one interaction, and how to point a client here. Readable without JavaScript."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gemtap import __version__
from gemtap.capture.spool import Spool
from gemtap.dashboard import health
from gemtap.dashboard.api import ListQuery, known_id, unknown
from gemtap.instructions import CLIENTS
from gemtap.interaction import Json, iso, to_json
from gemtap.recorder.drain import Progress
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Store

_SHOWN: Final = 200_000
"""Characters of a body that a page shows. The whole of it is a link away."""


def make_router(settings: Settings, store: Store, spool: Spool, progress: Progress) -> APIRouter:
    """`/`, `/interactions/ID` and `/setup`."""
    router = APIRouter(include_in_schema=False)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": iso, "count": _count, "duration": _duration, "pretty": _pretty}
    environment.globals |= {"version": __version__, "tap": address_of(settings)}
    templates = Jinja2Templates(env=environment)

    @router.get("/", response_class=HTMLResponse)
    async def interactions(request: Request, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        page = await store.page(query.where(), limit=query.limit, cursor=query.cursor)
        older = None
        if page.next is not None:
            older = "?" + urlencode({**request.query_params, "cursor": page.next})
        context = {
            "items": [to_json(item) for item in page.items],
            "older": older,
            "narrowed": {name: value for name, value in request.query_params.items() if name != "limit"},
            "health": await health.look(store, spool, progress),
        }
        return templates.TemplateResponse(request, "interactions.html", context)

    @router.get("/interactions/{id_}", response_class=HTMLResponse)
    async def interaction(request: Request, id_: str) -> HTMLResponse:
        document = await store.get(known_id(id_))
        if document is None:
            raise unknown(id_)
        context = {
            "document": await asyncio.to_thread(to_json, document),
            "health": await health.look(store, spool, progress),
        }
        return templates.TemplateResponse(request, "interaction.html", context)

    @router.get("/setup", response_class=HTMLResponse)
    async def setup(request: Request) -> HTMLResponse:
        context = {
            "clients": {name: each.for_tap(address_of(settings)) for name, each in CLIENTS.items()},
            "health": await health.look(store, spool, progress),
        }
        return templates.TemplateResponse(request, "setup.html", context)

    return router


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _duration(milliseconds: float | None) -> str:
    """`3 ms`, `1.35 s`, `12.4 s`, `2 min 05 s`; empty for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02} s"


def _pretty(value: Json) -> dict[str, Any]:
    """A value as indented text, cut to what a page can show."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return {"text": text[:_SHOWN], "cut": len(text) > _SHOWN}
