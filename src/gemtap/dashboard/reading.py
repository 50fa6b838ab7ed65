"""The page of one interaction, and the fragments that it loads on demand."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from gemtap.conversation import Conversation
from gemtap.conversation.added import first_new_for_reader
from gemtap.conversation.model import Media, Text, Thought
from gemtap.dashboard import conversation_view, inline_charts
from gemtap.dashboard.added import added_of
from gemtap.dashboard.api import known_id, unknown
from gemtap.dashboard.api_replays import Replaying
from gemtap.dashboard.in_flight import InFlight
from gemtap.dashboard.render import Look, Render, pretty
from gemtap.dashboard.snippets import snippets_of
from gemtap.interaction import Interaction, summary, to_json
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Filter, Store

_LONGEST_PART: Final = 2_000_000
"""Maximum characters of a message that a page shows."""

_MEDIA_HEADERS: Final = {
    "cache-control": "no-store",
    # Only pages of this origin may embed a PDF.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
}

_REMINDER: Final = 1_200
"""Characters of a resent text, shown as context for the new messages."""

_TURNS_SEARCHED: Final = 100
"""Number of turns that are searched for the next one."""


def make_router(
    render: Render, settings: Settings, store: Store, in_flight: InFlight, look: Look, replays: Replaying | None
) -> APIRouter:
    """The routes under `/interactions/ID`."""
    router = APIRouter(prefix="/interactions/{id_}", include_in_schema=False, default_response_class=HTMLResponse)

    async def document_of(id_: str) -> Interaction:
        found = await store.get(known_id(id_))
        if found is None:
            raise unknown(id_)
        return found

    @router.get("")
    async def interaction(request: Request, id_: str) -> HTMLResponse:
        known = known_id(id_)
        document = await store.get(known)
        flying = document is None
        if document is None:
            document = await in_flight.document(known)
        if document is None:
            raise unknown(id_)
        desk = str(request.base_url).rstrip("/")
        context = await asyncio.to_thread(_context, document, address_of(settings), desk)
        context["can_replay"] = not flying and replays is not None and replays.has_key(document["provider"])
        context |= {"flying": flying, "following": await following(document), "health": await look()}
        return await render(request, "interaction.html", context)

    async def following(document: Interaction) -> str | None:
        """Redirect to the next turn of the thread."""
        thread = document["thread"]
        if thread is None:
            return None
        page = await store.page(Filter(thread=thread["id"], since=document["timestamp"]), limit=_TURNS_SEARCHED)
        children = [item for item in page.items if item["thread"] and item["thread"]["parent"] == document["_id"]]
        return str(children[-1]["_id"]) if children else None

    @router.get("/messages")
    async def messages(request: Request, id_: str, before: Annotated[int, Query(ge=0)]) -> HTMLResponse:
        """The messages before a given one."""
        document = await document_of(id_)
        conversation = _merged(document)
        last = min(before, len(conversation.messages))
        first = max(0, last - conversation_view.MOST)
        fresh_from = first_new_for_reader(conversation, document["thread"])
        context = {
            "document": {"id": id_},
            "first": first,
            "last": last,
            "messages": conversation_view.shown_messages(conversation, first, last, fresh_from),
            "health": await look(),
        }
        return await render(request, "messages.html", context)

    @router.get("/added")
    async def added(request: Request, id_: str) -> HTMLResponse:
        """The messages that this turn added to its thread."""
        document = await document_of(id_)
        context = {
            "document": to_json(summary(document)),
            "added": await asyncio.to_thread(added_of, document),
            "health": await look(),
        }
        return await render(request, "added.html", context)

    @router.get("/parts/{number}")
    async def part(request: Request, id_: str, number: str) -> HTMLResponse:
        """The whole text of a shortened part."""
        said = conversation_view.part_of(_merged(await document_of(id_)), number)
        if not isinstance(said, Text | Thought):
            raise HTTPException(404, "There is no such text in this interaction.")
        text, cut = said.text[:_LONGEST_PART], max(0, len(said.text) - _LONGEST_PART)
        context = {"document": {"id": id_}, "text": text, "cut": cut, "health": await look()}
        return await render(request, "part.html", context)

    @router.get("/media/{number}")
    async def media(id_: str, number: str) -> Response:
        """The bytes of an image, a sound or a document in a message."""
        found = conversation_view.part_of(_merged(await document_of(id_)), number)
        if not isinstance(found, Media) or found.base64 is None:
            raise HTTPException(404, "There is no such medium in this interaction.")
        try:
            content = base64.b64decode(found.base64.translate(_URL_SAFE) + "==")
        except (binascii.Error, ValueError):
            raise HTTPException(404, "What this message holds is not Base64.") from None
        if conversation_view.media_kind(found) == "file":
            headers = _MEDIA_HEADERS | {"content-disposition": f'attachment; filename="{id_}-{number}"'}
            return Response(content, media_type="application/octet-stream", headers=headers)
        return Response(content, media_type=found.mime_type.partition(";")[0].strip().lower(), headers=_MEDIA_HEADERS)

    @router.get("/raw/{side}")
    async def raw(request: Request, id_: str, side: Literal["request", "response"]) -> HTMLResponse:
        """A body as text, for those without JavaScript."""
        part = (await document_of(id_))[side]
        if part is None or part["body"] is None or isinstance(part["body"], bytes):
            raise HTTPException(404, f"The {side} of this interaction has no text.")
        shown = await asyncio.to_thread(pretty, part["body"])
        context = {"document": {"id": id_}, "side": side, "shown": shown, "health": await look()}
        return await render(request, "raw.html", context)

    return router


_URL_SAFE: Final = str.maketrans("-_", "+/")
"""APIs use both alphabets of Base64."""


def _merged(document: Interaction) -> Conversation:
    conversation = conversation_view.merged(document)
    if conversation is None:
        raise HTTPException(404, "This interaction is no conversation.")
    return conversation


def _context(document: Interaction, tap: str, desk: str) -> dict[str, Any]:
    """The values of the page's template: the messages of a conversation, or the bodies of any other exchange."""
    conversation = conversation_view.merged(document)
    shown = to_json(summary(document) if conversation is not None else document)
    response = document["response"]
    if conversation is not None:
        for side, part in (("request", document["request"]), ("response", response)):
            if part is not None:
                shown[side]["body"] = None if part["body"] is None else ""
    context: dict[str, Any] = {
        "document": shown,
        "conversation": conversation,
        "binary": _binary_sides(document),
        "bands": inline_charts.token_bands(document["tokens"]),
        "sources": inline_charts.context_bands(document.get("context")),
        "fall": inline_charts.waterfall(
            document["request_duration_ms"], dict(document["timing"]), response.get("chunks") if response else None
        ),
        "snippets": snippets_of(document, tap, desk),
        "session": response is not None and response["status"] == 101,
    }
    if conversation is not None:
        count = len(conversation.messages)
        fresh_from = first_new_for_reader(conversation, document["thread"])
        # The new messages, after a few earlier ones for context.
        first = max(0, min(fresh_from, count - 1) - 2, count - conversation_view.MOST)
        context |= {
            "first": first,
            "fresh_from": fresh_from,
            "messages": conversation_view.shown_messages(conversation, first, count, fresh_from, resent=_REMINDER),
        }
    return context


def _binary_sides(document: Interaction) -> list[str]:
    """The sides whose body is binary, which `to_json` encodes as base64."""
    bodies = {"request": document["request"], "response": document["response"]}
    return [side for side, part in bodies.items() if part is not None and isinstance(part["body"], bytes)]
