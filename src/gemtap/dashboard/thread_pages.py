"""A thread: the whole conversation once, turn by turn, with what it took."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from gemtap.dashboard.added import Added, added_of
from gemtap.dashboard.growth import charts_of
from gemtap.dashboard.render import Look, Render
from gemtap.dashboard.turns import Turn, sums_of, turns_of
from gemtap.interaction import to_json
from gemtap.stores.base import Filter, Store

_MOST_TURNS: Final = 2_000
"""Turns that a page shows, the last ones."""

_AT_ONCE: Final = 500

_READ_AT_ONCE: Final = 400_000
"""Bytes of bodies that are read while the page is made. The turns after them load when they are scrolled to."""


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """`/threads/ID`."""
    router = APIRouter(prefix="/threads", include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/{id_}")
    async def thread(request: Request, id_: str) -> HTMLResponse:
        items = await _items(store, id_)
        if not items:
            raise HTTPException(404, f"There is no thread {id_[:100]}.")
        turns = turns_of(items[:_MOST_TURNS])
        context = {
            "id": id_,
            "turns": turns,
            "left_out": len(items) > _MOST_TURNS,
            "sums": sums_of(turns),
            "charts": charts_of(turns),
            "said": await _said(store, turns),
            "health": await look(),
        }
        return await render(request, "thread.html", context)

    return router


async def _items(store: Store, word: str) -> list[dict[str, Any]]:
    """The thread's interactions, newest first; one more than a page shows if there are more."""
    if not ObjectId.is_valid(word):
        return []
    items: list[dict[str, Any]] = []
    cursor = None
    while len(items) <= _MOST_TURNS:
        page = await store.page(Filter(thread=ObjectId(word)), limit=_AT_ONCE, cursor=cursor)
        items += map(to_json, page.items)
        cursor = page.next
        if cursor is None:
            break
    return items


async def _said(store: Store, turns: list[Turn]) -> dict[str, Added]:
    """What the first turns added, as long as that is read in no time."""
    found: dict[str, Added] = {}
    size = 0
    for turn in turns:
        size += turn.item["request"]["body_bytes"]
        size += turn.item["response"]["body_bytes"] if turn.item["response"] else 0
        if size > _READ_AT_ONCE:
            break
        document = await store.get(ObjectId(turn.item["id"]))
        if document is not None:
            found[turn.item["id"]] = await asyncio.to_thread(added_of, document)
    return found
