"""The page of what the client changed in the context between two turns."""

from __future__ import annotations

from typing import Annotated, Any, Final

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from gemtap.api_schema import Id
from gemtap.dashboard import page_contexts
from gemtap.dashboard.api import document_of
from gemtap.dashboard.render import Look, Render
from gemtap.interaction import to_json
from gemtap.stores.base import Filter, Store

_OFFERED: Final = 50
"""Turns of the thread that can be chosen from, the last ones before this. Any other can be named in the address."""


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """`/interactions/ID/changes`, `/interactions/ID/changes/NUMBER` and `/interactions/ID/compare`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/interactions/{id_}/changes")
    async def changes(request: Request, id_: str, since: Annotated[Id | None, Query()] = None) -> HTMLResponse:
        """What changed since the turn before, or since another interaction."""
        after = await document_of(store, id_)
        earlier = since or (after["thread"]["parent"] if after["thread"] is not None else None)
        if earlier is None:
            raise HTTPException(404, "There is no earlier turn to compare this one with.")
        before = await document_of(store, str(earlier))
        others: list[dict[str, Any]] = []
        if after["thread"] is not None:
            earlier_turns = Filter(thread=after["thread"]["id"], until=after["timestamp"])
            others = [to_json(item) for item in reversed(await store.list(earlier_turns, limit=_OFFERED))]
        return await render.recorded(
            request, "changes.html", page_contexts.changes, before, after, others, health=await look()
        )

    @router.get("/interactions/{id_}/changes/{number}")
    async def change(request: Request, id_: str, number: int, since: Id) -> HTMLResponse:
        """One of the changes since another interaction."""
        before, after = await document_of(store, str(since)), await document_of(store, id_)
        return await render.recorded(
            request, "change.html", page_contexts.change, before, after, number, health=await look()
        )

    @router.get("/interactions/{id_}/compare")
    async def compare(
        request: Request, id_: str, other: Annotated[Id | None, Query(alias="with")] = None
    ) -> HTMLResponse:
        """The answers of two interactions side by side: a replay and its original, or any two."""
        after = await document_of(store, id_)
        first = other or (ObjectId(after["replay_of"]) if after.get("replay_of") else None)
        if first is None:
            raise HTTPException(404, "This is not a replay. Name the interaction to compare it with: ?with=ID.")
        before = await document_of(store, str(first))
        return await render.recorded(
            request, "compare.html", page_contexts.comparison, before, after, health=await look()
        )

    return router
