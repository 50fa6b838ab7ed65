"""The pages: the list of interactions, and how to point a client here. Readable without JavaScript."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import QueryParams

from gemtap.dashboard.api import ListQuery
from gemtap.dashboard.flights import Flights
from gemtap.dashboard.render import Look, Render
from gemtap.exporters.registry import FORMATS
from gemtap.instructions import CLIENTS, Instructions
from gemtap.interaction import to_json
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Filter, Store, StoreError
from gemtap.stores.fields import FIELDS
from gemtap.stores.filter import Condition, Is

_PATIENCE: Final = 2.0
"""Seconds for who has been seen: the instructions are there without it."""

_NO_FILTERS: Final = ("limit", "cursor")


def make_router(render: Render, settings: Settings, store: Store, flights: Flights, look: Look) -> APIRouter:
    """`/`, `/rows`, `/queries` and `/setup`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    async def listed(request: Request, query: ListQuery) -> dict[str, Any]:
        page = await store.page(query.where(), limit=query.limit, cursor=query.cursor)
        params = request.query_params
        return {
            "items": [to_json(item) for item in page.items],
            "older": _query({**params, "cursor": page.next}) if page.next is not None else None,
            "chips": _chips(params),
            "query": params.get("q", ""),
            "kept": _kept(params),
            "formats": [each for each in FORMATS.values() if not each.shows_one],
            "exported": _query(_without(params, *_NO_FILTERS)),
            "narrowed": lambda name, value: _query({**_without(params, "cursor"), name: value}),
            "continued": query.cursor is not None,
        }

    @router.get("/")
    async def interactions(request: Request, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        context = await listed(request, query) | {
            "flights": await flights.look(),
            "health": await look(),
        }
        return await render(request, "interactions.html", context)

    @router.get("/rows")
    async def rows(request: Request, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        """The list alone, for a page that is open already."""
        return await render(request, "list.html", await listed(request, query))

    @router.get("/queries")
    async def queries(request: Request) -> HTMLResponse:
        """What can be written into the search."""
        return await render(
            request, "queries.html", {"fields": FIELDS, "query": "", "kept": {}, "health": await look()}
        )

    @router.get("/setup")
    async def setup(request: Request) -> HTMLResponse:
        health = await look()
        context = {
            "clients": {name: each.for_tap(address_of(settings)) for name, each in CLIENTS.items()},
            "seen": {} if health.store_error else await _seen(store),
            "health": health,
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
            "without": _query(_without(params, name, "cursor")),
        }
        for name, value in params.items()
        if name not in _NO_FILTERS
    ]


def _kept(params: QueryParams) -> dict[str, str]:
    """What a search leaves as it is."""
    return _without(params, "q", "cursor")


def _without(params: QueryParams, *names: str) -> dict[str, str]:
    return {name: value for name, value in params.items() if name not in names}


async def _seen(store: Store) -> dict[str, dict[str, Any]]:
    """Of each client whose requests have arrived the last one."""
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.gather(*(_last_of(store, each) for each in CLIENTS.values()))
    except (StoreError, TimeoutError):
        return {}
    return {name: to_json(item) for name, item in zip(CLIENTS, found, strict=True) if item is not None}


async def _last_of(store: Store, client: Instructions) -> dict[str, Any] | None:
    named = Condition("client", tuple(map(Is, client.called)))
    page = await store.page(Filter(named, provider=client.provider), limit=1)
    return page.items[0] if page.items else None
