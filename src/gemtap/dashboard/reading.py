"""The page of one interaction, and the fragments that it loads on demand."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from gemtap.dashboard import page_contexts
from gemtap.dashboard.api import document_of, known_id, unknown
from gemtap.dashboard.api_replays import Replaying
from gemtap.dashboard.in_flight import InFlight
from gemtap.dashboard.render import Look, Render
from gemtap.dashboard.snippets import curl_script
from gemtap.exporters.scrub import scrub_installed
from gemtap.interaction import Interaction
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Filter, Store
from gemtap.workers import JobFailed

_MEDIA_HEADERS: Final = {
    "cache-control": "no-store",
    # Only pages of this origin may embed a PDF.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
}

_TURNS_SEARCHED: Final = 100
"""Number of turns that are searched for the next one."""


def make_router(
    render: Render, settings: Settings, store: Store, in_flight: InFlight, look: Look, replays: Replaying | None
) -> APIRouter:
    """The routes under `/interactions/ID`."""
    router = APIRouter(prefix="/interactions/{id_}", include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("")
    async def interaction(
        request: Request, id_: str, tab: Annotated[page_contexts.Tab, Query()] = "conversation"
    ) -> HTMLResponse:
        document, flying = await shown(id_)
        desk = str(request.base_url).rstrip("/")
        return await render.recorded(
            request,
            "interaction.html",
            page_contexts.interaction,
            document,
            address_of(settings),
            desk,
            "conversation" if flying else tab,
            can_scrub=scrub_installed(),
            targets=[] if flying or replays is None else replays.targets(document),
            flying=flying,
            following=await following(document),
            health=await look(),
        )

    async def shown(id_: str) -> tuple[Interaction, bool]:
        """A recorded interaction, or one that is still running, and whether it is."""
        known = known_id(id_)
        document = await store.get(known)
        if document is not None:
            return document, False
        try:
            document = await in_flight.document(known)
        except JobFailed as exc:
            raise HTTPException(503, f"This exchange is still running and cannot be shown yet: {exc}.") from exc
        if document is None:
            raise unknown(id_)
        return document, True

    async def following(document: Interaction) -> str | None:
        """Redirect to the next turn of the thread."""
        thread = document["thread"]
        if thread is None:
            return None
        turns = await store.list(Filter(thread=thread["id"], since=document["timestamp"]), limit=_TURNS_SEARCHED)
        children = [item for item in turns if item["thread"] and item["thread"]["parent"] == document["_id"]]
        return str(children[-1]["_id"]) if children else None

    @router.get("/curl")
    async def curl(id_: str) -> Response:
        """The request as a shell script that sends it to the API itself, for somebody without this Gemtap."""
        document, raw = await document_of(store, id_), await store.raw(known_id(id_), "request")
        script = curl_script(document, raw or b"", settings.providers.upstreams())
        if script is None:
            raise HTTPException(409, "This request cannot be sent by curl: it is a session, or its body is not text.")
        headers = {"content-disposition": f'attachment; filename="gemtap-{id_}.sh"', "cache-control": "no-store"}
        return Response(script, media_type="text/x-shellscript; charset=utf-8", headers=headers)

    @router.get("/messages")
    async def messages(request: Request, id_: str, before: Annotated[int, Query(ge=0)]) -> HTMLResponse:
        """The messages before a given one."""
        (document, _), health = await shown(id_), await look()
        return await render.recorded(request, "messages.html", page_contexts.messages, document, before, health=health)

    @router.get("/added")
    async def added(request: Request, id_: str) -> HTMLResponse:
        """The messages that this turn added to its thread."""
        document, health = await document_of(store, id_), await look()
        return await render.recorded(request, "added.html", page_contexts.added, document, health=health)

    @router.get("/parts/{number}")
    async def part(request: Request, id_: str, number: str, member: str | None = None) -> HTMLResponse:
        """All of a shortened part, or of one member of a call's arguments or of a result."""
        (document, _), health = await shown(id_), await look()
        return await render.recorded(request, "part.html", page_contexts.part, document, number, member, health=health)

    @router.get("/tools/{number}")
    async def tool(request: Request, id_: str, number: int) -> HTMLResponse:
        """The definition of a tool."""
        (document, _), health = await shown(id_), await look()
        return await render.recorded(request, "tool.html", page_contexts.tool, document, number, health=health)

    @router.get("/media/{number}")
    async def media(id_: str, number: str) -> Response:
        """The bytes of an image, a sound or a document in a message."""
        try:
            medium = await render.in_worker(page_contexts.medium, await document_of(store, id_), number)
        except JobFailed as exc:
            raise HTTPException(503, f"This media file cannot be read from its message: {exc}.") from exc
        if medium.kind == "file":
            headers = _MEDIA_HEADERS | {"content-disposition": f'attachment; filename="{id_}-{number}"'}
            return Response(medium.content, media_type="application/octet-stream", headers=headers)
        media_type = medium.mime_type.partition(";")[0].strip().lower()
        return Response(medium.content, media_type=media_type, headers=_MEDIA_HEADERS)

    @router.get("/raw/{side}")
    async def raw(request: Request, id_: str, side: Literal["request", "response"]) -> HTMLResponse:
        """A body as text, for those without JavaScript."""
        document, health = await document_of(store, id_), await look()
        return await render.recorded(request, "raw.html", page_contexts.raw, document, side, health=health)

    return router
