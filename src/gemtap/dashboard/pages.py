"""The pages of the list, the search syntax and client setup. They work without JavaScript."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, get_args
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from gemtap.api_schema import ListQuery
from gemtap.dashboard.columns import INTERACTIONS, hidden
from gemtap.dashboard.in_flight import InFlight
from gemtap.dashboard.list_conditions import chips_of, narrowed, url_query, whole_query, without
from gemtap.dashboard.render import Look, Render, patiently
from gemtap.exporters.registry import FORMATS
from gemtap.interaction import to_json
from gemtap.providers.client_setup import clients
from gemtap.providers.instructions import Instructions
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Filter, Store, StoreError
from gemtap.stores.facets import COUNTED
from gemtap.stores.paging import page_of
from gemtap.stores.query.fields import FIELDS
from gemtap.stores.query.filter import TEXT, Says
from gemtap.stores.sorting import ListSort, is_sortable

_PATIENCE: Final = 2.0
"""Seconds to wait for the last request of each client. The setup page works without it."""

_LOOKED_AT: Final = 20
"""Number of interactions of a client that are examined, since a client may call two providers."""


def make_router(render: Render, settings: Settings, store: Store, in_flight: InFlight, look: Look) -> APIRouter:
    """The routes `/interactions`, `/rows`, `/queries` and `/setup`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    async def listed(request: Request, query: ListQuery) -> dict[str, Any]:
        where = query.where()
        page = await page_of(store, where, limit=query.limit, cursor=query.cursor, sort=query.sort)
        params = request.query_params
        return {
            "items": [to_json(item) for item in page.items],
            "to_words": _to_words(where),
            "older": url_query({**params, "cursor": page.next}) if page.next is not None else None,
            "chips": chips_of(params),
            "query": params.get("q", ""),
            "kept": without(params, "q", "cursor"),
            "whole_query": whole_query(params),
            "formats": [each for each in FORMATS.values() if not each.shows_one],
            "exported": url_query(without(params, "limit", "cursor", "sort")),
            "narrowed": lambda name, value: narrowed(params, name, value),
            "continued": query.cursor is not None,
            "sort": query.sort,
            "sorts": get_args(ListSort) if is_sortable(where) else ("newest", "oldest"),
            "sorted_by": lambda sort: url_query(without(params, "cursor", "sort") | {"sort": sort}),
            "columns": INTERACTIONS,
            "hidden": hidden(request.cookies, "interactions", INTERACTIONS),
        }

    @router.get("/interactions")
    async def interactions(request: Request, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        where = query.where()
        found, results, facets, searches, flying, health = await asyncio.gather(
            listed(request, query),
            patiently(store.count(where)),
            patiently(store.facets(where)),
            patiently(store.searches.all()),
            in_flight.look(),
            look(),
        )
        context = {"results": results, "facets": facets, "searches": searches, "in_flight": flying, "health": health}
        return await render(request, "interactions.html", found | context | {"counted": COUNTED})

    @router.get("/rows")
    async def rows(request: Request, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        """The rows alone, for an open page."""
        return await render(request, "list.html", await listed(request, query))

    @router.get("/queries")
    async def queries(request: Request) -> HTMLResponse:
        """The search syntax."""
        return await render(
            request, "queries.html", {"fields": FIELDS, "query": "", "kept": {}, "health": await look()}
        )

    @router.get("/setup")
    async def setup(request: Request) -> HTMLResponse:
        health = await look()
        context = {
            "clients": {name: each.for_tap(address_of(settings)) for name, each in clients().items()},
            "seen": {} if health.store_error else await _seen(store),
            "latest": None if health.store_error else await _latest(store),
            "health": health,
        }
        return await render(request, "setup.html", context)

    return router


def _to_words(where: Filter) -> str:
    """The URL fragment by which browsers scroll to the search words and highlight them. Empty without words.

    https://wicg.github.io/scroll-to-text-fragment/
    """
    wanted = [test for term in where.terms if term.field == TEXT and not term.negated for test in term.tests]
    phrases = [quote(" ".join(test.words), safe="") for test in wanted if isinstance(test, Says)]
    return "#:~:" + "&".join(f"text={phrase}" for phrase in phrases) if phrases else ""


async def _latest(store: Store) -> dict[str, Any] | None:
    """The newest interaction, if the store gives it in time."""
    try:
        async with asyncio.timeout(_PATIENCE):
            items = await store.list(Filter(), limit=1)
    except (StoreError, TimeoutError):
        return None
    return to_json(items[0]) if items else None


async def _seen(store: Store) -> dict[str, dict[str, Any]]:
    """The last interaction of each known client."""
    # One indexed query per client, whatever the size of the store.
    names = sorted({name for client in clients().values() for name in client.called})
    try:
        async with asyncio.timeout(_PATIENCE):
            lists = await asyncio.gather(*(store.list(Filter(client=name), limit=_LOOKED_AT) for name in names))
    except (StoreError, TimeoutError):
        return {}
    by_name = dict(zip(names, lists, strict=True))
    return {name: last for name, client in clients().items() if (last := _last_of(client, by_name)) is not None}


def _last_of(client: Instructions, by_name: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any] | None:
    sent = [item for name in client.called for item in by_name[name] if item["provider"] == client.provider]
    return to_json(max(sent, key=lambda item: item["timestamp"])) if sent else None
