"""The pages: the list of interactions, one interaction, and how to point a client here. Readable without JavaScript."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import QueryParams

from gemtap.capture.spool import Spool
from gemtap.dashboard import health
from gemtap.dashboard.api import ListQuery, known_id, unknown
from gemtap.dashboard.render import Render
from gemtap.instructions import CLIENTS
from gemtap.interaction import Interaction, to_json
from gemtap.recorder.drain import Progress
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Store

_NO_FILTERS: Final = ("limit", "cursor")


def make_router(render: Render, settings: Settings, store: Store, spool: Spool, progress: Progress) -> APIRouter:
    """`/`, `/interactions/ID` and `/setup`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    async def interactions(request: Request, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        page = await store.page(query.where(), limit=query.limit, cursor=query.cursor)
        params = request.query_params
        context = {
            "items": [to_json(item) for item in page.items],
            "older": _query({**params, "cursor": page.next}) if page.next is not None else None,
            "chips": _chips(params),
            "continued": query.cursor is not None,
            "health": await health.look(store, spool, progress),
        }
        return await render(request, "interactions.html", context)

    @router.get("/interactions/{id_}")
    async def interaction(request: Request, id_: str) -> HTMLResponse:
        document = await store.get(known_id(id_))
        if document is None:
            raise unknown(id_)
        context = {
            "document": await asyncio.to_thread(to_json, document),
            "binary": _binary_sides(document),
            "health": await health.look(store, spool, progress),
        }
        return await render(request, "interaction.html", context)

    @router.get("/setup")
    async def setup(request: Request) -> HTMLResponse:
        context = {
            "clients": {name: each.for_tap(address_of(settings)) for name, each in CLIENTS.items()},
            "health": await health.look(store, spool, progress),
        }
        return await render(request, "setup.html", context)

    return router


def _query(params: dict[str, Any]) -> str:
    return "?" + urlencode(params)


def _chips(params: QueryParams) -> list[dict[str, str]]:
    """The filters in force, each with the list that is shown without it."""
    return [
        {
            "name": name,
            "value": value,
            "without": _query({key: each for key, each in params.items() if key not in (name, "cursor")}),
        }
        for name, value in params.items()
        if name not in _NO_FILTERS
    ]


def _binary_sides(document: Interaction) -> list[str]:
    """The sides whose body is bytes: `to_json` turns these into base64, which nobody can read."""
    bodies = {"request": document["request"], "response": document["response"]}
    return [side for side, part in bodies.items() if part is not None and isinstance(part["body"], bytes)]
