"""The pages of threads: the list, and one conversation turn by turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from gemtap.api_schema import QueryText
from gemtap.dashboard import page_contexts
from gemtap.dashboard.columns import THREADS, hidden
from gemtap.dashboard.growth import charts_of
from gemtap.dashboard.in_flight import InFlight
from gemtap.dashboard.list_conditions import chips_of, url_query, whole_query, without
from gemtap.dashboard.render import Look, Render, patiently
from gemtap.dashboard.thread_rows import rows_of
from gemtap.dashboard.turn_groups import TurnGroup, group_with, groups_of
from gemtap.dashboard.turns import Turn, sums_of, turns_of
from gemtap.interaction import Interaction, to_json
from gemtap.stores.base import Filter, Store
from gemtap.stores.paging import page_of
from gemtap.stores.query.parsing import parse
from gemtap.stores.thread_list import ThreadSort

_MOST_TURNS: Final = 2_000
"""Maximum number of turns on a page, the latest ones."""

_AT_ONCE: Final = 500

_READ_AT_ONCE: Final = 400_000
"""Bytes of bodies that are read to render the page. Later turns load when they are scrolled to."""


class ThreadsQuery(BaseModel):
    """Parameters of the list of threads."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: str | None = None
    sort: ThreadSort = "latest"
    q: QueryText = ""
    """The list of threads of which an interaction matches."""


_MOST_TITLES: Final = 10_000


def make_router(render: Render, store: Store, in_flight: InFlight, look: Look) -> APIRouter:
    """The routes `/`, `/threads`, `/threads/ID` and `/threads/ID/turns`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    titles: dict[str, str] = {}

    async def listed(request: Request, query: ThreadsQuery) -> dict[str, Any]:
        if len(titles) > _MOST_TITLES:
            titles.clear()
        where = parse(query.q, datetime.now(UTC))
        page = await store.threads(where, limit=query.limit, sort=query.sort, cursor=query.cursor)
        params = request.query_params
        kept = {name: str(value) for name, value in query.model_dump(exclude_defaults=True).items()}
        return {
            "threads": await rows_of(store, page.items, titles, await in_flight.threads()),
            "more": urlencode({**kept, "cursor": page.next}) if page.next is not None else None,
            "sort": query.sort,
            "sorts": get_args(ThreadSort),
            "sorted_by": lambda sort: url_query(without(params, "cursor", "sort") | {"sort": sort}),
            "hidden": hidden(request.cookies, "threads", THREADS),
            "chips": chips_of(params),
            "whole_query": whole_query(params),
            "query": query.q,
            "continued": query.cursor is not None,
        }

    @router.get("/")
    @router.get("/threads")
    async def threads(request: Request, query: Annotated[ThreadsQuery, Query()]) -> HTMLResponse:
        """The home page: what agents and people did, one row for each conversation."""
        found, searches, flying, health = await asyncio.gather(
            listed(request, query), patiently(store.searches.all()), in_flight.look(), look()
        )
        return await render(
            request, "threads.html", found | {"searches": searches, "in_flight": flying, "health": health}
        )

    @router.get("/threads/rows")
    async def rows(request: Request, query: Annotated[ThreadsQuery, Query()]) -> HTMLResponse:
        """The rows alone, for an open page."""
        return await render(request, "threads_list.html", await listed(request, query))

    async def turns_named(id_: str) -> tuple[list[Turn], bool]:
        """The turns of a thread, and whether earlier ones are left out."""
        items = await _items(store, id_)
        if not items:
            raise HTTPException(404, f"There is no thread {id_[:100]}.")
        return turns_of(items[:_MOST_TURNS]), len(items) > _MOST_TURNS

    async def shown(request: Request, template: str, group: TurnGroup, **context: Any) -> HTMLResponse:
        """A page with one group of a thread's turns."""
        return await render.recorded(
            request,
            template,
            page_contexts.said,
            await _first_documents(store, group.turns),
            # The one in the address may be that of a thread that was joined to this one.
            id=group.turns[0].item["thread"]["id"],
            group=group,
            health=await look(),
            **context,
        )

    @router.get("/threads/{id_}")
    async def thread(request: Request, id_: str) -> HTMLResponse:
        turns, left_out = await turns_named(id_)
        first, *later = groups_of(turns)
        return await shown(
            request,
            "thread.html",
            first,
            turns=turns,
            later=later,
            left_out=left_out,
            sums=sums_of(turns),
            charts=charts_of(turns),
        )

    @router.get("/threads/{id_}/turns")
    async def turns(request: Request, id_: str, at: Annotated[str, Query(max_length=100)]) -> HTMLResponse:
        """The group of turns that has the turn `at`."""
        turns, _ = await turns_named(id_)
        group = group_with(turns, at)
        if group is None:
            raise HTTPException(404, f"There is no turn {at} in this thread. Open the thread for all of its turns.")
        return await shown(request, "turns.html", group)

    return router


async def _items(store: Store, word: str) -> list[dict[str, Any]]:
    """The thread's interactions, newest first. One more than a page shows if there are more."""
    if not ObjectId.is_valid(word):
        return []
    items: list[dict[str, Any]] = []
    cursor = None
    while len(items) <= _MOST_TURNS:
        page = await page_of(store, Filter(thread=ObjectId(word)), limit=_AT_ONCE, cursor=cursor)
        items += map(to_json, page.items)
        cursor = page.next
        if cursor is None:
            break
    return items


async def _first_documents(store: Store, turns: Sequence[Turn]) -> list[Interaction]:
    """The documents of the first turns, within the limit of bytes."""
    found: list[Interaction] = []
    size = 0
    for turn in turns:
        size += turn.item["request"]["body_bytes"]
        size += turn.item["response"]["body_bytes"] if turn.item["response"] else 0
        if size > _READ_AT_ONCE:
            break
        document = await store.get(ObjectId(turn.item["id"]))
        if document is not None:
            found.append(document)
    return found
