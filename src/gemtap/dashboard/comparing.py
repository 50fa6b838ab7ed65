"""The page of what the client changed in the context between two turns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from gemtap.api_schema import Id
from gemtap.conversation import conversation_of
from gemtap.conversation.changes import Changes, changes_between
from gemtap.dashboard.api import known_id, unknown
from gemtap.dashboard.render import Look, Render
from gemtap.interaction import Interaction, Json, summary, to_json
from gemtap.stores.base import Filter, Store

_OFFERED: Final = 50
"""Turns of the thread that can be chosen from, the last ones before this. Any other can be named in the address."""


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """`/interactions/ID/changes`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/interactions/{id_}/changes")
    async def changes(request: Request, id_: str, since: Annotated[Id | None, Query()] = None) -> HTMLResponse:
        """What changed since the turn before, or since another interaction."""
        after = await store.get(known_id(id_))
        if after is None:
            raise unknown(id_)
        earlier = since or (after["thread"]["parent"] if after["thread"] is not None else None)
        if earlier is None:
            raise HTTPException(404, "This turn continues no other: there is nothing to compare it with.")
        before = await store.get(earlier)
        if before is None:
            raise unknown(str(earlier))
        others: list[dict[str, Any]] = []
        if after["thread"] is not None:
            page = await store.page(Filter(thread=after["thread"]["id"], until=after["timestamp"]), limit=_OFFERED)
            others = [to_json(item) for item in reversed(page.items)]
            if all(item["id"] != str(earlier) for item in others):
                others.insert(0, to_json(summary(before)))
        context = {
            "before": to_json(summary(before)),
            "after": to_json(summary(after)),
            "others": others,
            "changes": await asyncio.to_thread(_compared, before, after),
            "health": await look(),
        }
        return await render(request, "changes.html", context)

    return router


def _compared(before: Interaction, after: Interaction) -> Changes:
    first, second = conversation_of(before), conversation_of(after)
    if first is None or second is None:
        raise HTTPException(404, "One of the two is no conversation.")
    return changes_between(first, second, _settings(before), _settings(after))


def _settings(document: Interaction) -> Mapping[str, Json]:
    settings = document["generation_settings"]
    return {"model": document["model"], **(settings if isinstance(settings, dict) else {"settings": settings})}
