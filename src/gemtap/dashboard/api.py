"""The JSON API: lists and documents as `gemtap.interaction` describes them, and the exact bytes of bodies."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from gemtap.interaction import Json, Side, to_json
from gemtap.stores.base import Filter, Page, Store
from gemtap.stores.query import parse


def _object_id(value: Any) -> ObjectId:
    if not ObjectId.is_valid(value):
        raise ValueError("not an id: 24 hexadecimal digits")
    return ObjectId(value)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except OverflowError as exc:
        raise ValueError("not a time between the years 1 and 9999 (UTC)") from exc


def _query(text: str) -> str:
    parse(text, datetime.now(UTC))
    return text


Id = Annotated[ObjectId, PlainValidator(_object_id)]
Moment = Annotated[datetime, AfterValidator(_utc)]
QueryText = Annotated[str, AfterValidator(_query)]


class Conditions(BaseModel):
    """Which interactions are asked for. Times are ISO 8601, UTC where they name no zone."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    provider: str | None = None
    model: str | None = None
    operation: str | None = None
    outcome: str | None = None
    status: Annotated[int, Field(ge=100, le=999)] | None = None
    client: str | None = None
    thread: Id | None = None
    since: Moment | None = None
    until: Moment | None = None
    q: QueryText | None = None
    """docs/queries.md describes the language."""

    def where(self) -> Filter:
        """The filter that it asks for: all that is set must hold."""
        fields = Conditions.model_fields.keys() - {"q"}
        asked = Filter(**{name: getattr(self, name) for name in fields})
        return asked if self.q is None else asked & parse(self.q, datetime.now(UTC))


class ListQuery(Conditions):
    """What a list can be asked for."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: str | None = None
    """The `next` of the page before."""


def page_as_json(page: Page) -> dict[str, Json]:
    """A page as the API and `ls --json` give it."""
    return {"items": [to_json(item) for item in page.items], "next": page.next}


def encoded(value: Json) -> bytes:
    """JSON as it is sent: UTF-8, and never `NaN`, which a document cannot hold."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


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
        """A page of interactions without their bodies, newest first; `next` is the cursor of the page after it."""
        page = await store.page(query.where(), limit=query.limit, cursor=query.cursor)
        return json_answer(await asyncio.to_thread(lambda: encoded(page_as_json(page))))

    @router.get("/interactions/{id_}")
    async def interaction(id_: str) -> Response:
        """The whole document. docs/schema.md describes its fields."""
        document = await store.get(known_id(id_))
        if document is None:
            raise unknown(id_)
        # A document of 100 MB takes seconds.
        return json_answer(await asyncio.to_thread(lambda: encoded(to_json(document))))

    @router.get("/interactions/{id_}/request", responses=_OCTETS)
    async def request(id_: str) -> Response:
        """The exact bytes of the request's body, content-encoding undone, credentials replaced."""
        return await exact_bytes(id_, "request")

    @router.get("/interactions/{id_}/response", responses=_OCTETS)
    async def response(id_: str) -> Response:
        """The exact bytes of the response's body; of a stream every frame as it came."""
        return await exact_bytes(id_, "response")

    async def exact_bytes(id_: str, side: Side) -> Response:
        raw = await store.raw(known_id(id_), side)
        if raw is None:
            raise unknown(id_)
        headers = {"content-disposition": f'attachment; filename="{id_}-{side}"', "cache-control": "no-store"}
        return Response(raw, media_type="application/octet-stream", headers=headers)

    return router


def known_id(word: str, what: str = "interaction") -> ObjectId:
    """The id of a path; one that is none can be nobody's."""
    if not ObjectId.is_valid(word):
        raise unknown(word, what)
    return ObjectId(word)


def unknown(id_: str, what: str = "interaction") -> HTTPException:
    """There is no such interaction, or thread."""
    return HTTPException(404, f"There is no {what} {id_[:100]}.")


def json_answer(body: bytes) -> Response:
    """JSON that is encoded already. Nothing that was logged is left in caches."""
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
