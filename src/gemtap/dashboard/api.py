"""The JSON API of interactions: lists, documents (see `gemtap.interaction`) and the exact bytes of bodies."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response

from gemtap.api_schema import ListQuery, encoded, page_as_json
from gemtap.interaction import Interaction, Side, to_json
from gemtap.stores.base import Filter, Store
from gemtap.stores.paging import page_of
from gemtap.stores.query.filter import Condition, Is

_OCTETS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
_LIST: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/json": {"example": {"items": [{"id": "66f1c0ffee0123456789abcd"}], "next": None}}}}
}


def make_router(store: Store) -> APIRouter:
    """The routes under `/api`."""
    router = APIRouter(tags=["interactions"], default_response_class=Response)

    @router.get("/interactions", responses=_LIST)
    async def interactions(query: Annotated[ListQuery, Query()]) -> Response:
        """A page of interactions without their bodies; `next` is the cursor of the page after it."""
        page = await page_of(store, query.where(), limit=query.limit, cursor=query.cursor, sort=query.sort)
        return json_answer(await asyncio.to_thread(lambda: encoded(page_as_json(page))))

    @router.get("/interactions/{id_}")
    async def interaction(id_: str) -> Response:
        """The whole document. docs/schema.md describes its fields."""
        document = await document_of(store, id_)
        # Encoding a document of 100 MB takes seconds.
        return json_answer(await asyncio.to_thread(lambda: encoded(to_json(document))))

    @router.get("/interactions/{id_}/request", responses=_OCTETS)
    async def request(id_: str) -> Response:
        """The exact bytes of the request's body, content-encoding undone, credentials replaced."""
        return await exact_bytes(id_, "request")

    @router.get("/interactions/{id_}/response", responses=_OCTETS)
    async def response(id_: str) -> Response:
        """The exact bytes of the response's body; of a stream every frame as it came."""
        return await exact_bytes(id_, "response")

    @router.get("/interactions/{id_}/state")
    async def state(id_: str) -> Response:
        """Whether an interaction is recorded yet: for those who wait for one that is under way."""
        items = await store.list(Filter(Condition("id", (Is(known_id(id_)),))), limit=1)
        return json_answer(encoded({"recorded": bool(items)}))

    async def exact_bytes(id_: str, side: Side) -> Response:
        raw = await store.raw(known_id(id_), side)
        if raw is None:
            raise unknown(id_)
        headers = {"content-disposition": f'attachment; filename="{id_}-{side}"', "cache-control": "no-store"}
        return Response(raw, media_type="application/octet-stream", headers=headers)

    return router


def known_id(word: str, what: str = "interaction") -> ObjectId:
    """Parse an id from a path. Raises HTTPException (404) if it is malformed."""
    if not ObjectId.is_valid(word):
        raise unknown(word, what)
    return ObjectId(word)


async def document_of(store: Store, id_: str) -> Interaction:
    """The document of an id from a path. Raises HTTPException (404) and StoreError."""
    document = await store.get(known_id(id_))
    if document is None:
        raise unknown(id_)
    return document


def unknown(id_: str, what: str = "interaction") -> HTTPException:
    """The 404 for an unknown interaction or thread."""
    return HTTPException(404, f"There is no {what} {id_[:100]}.")


def json_answer(body: bytes) -> Response:
    """A response of encoded JSON that no cache may keep."""
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
