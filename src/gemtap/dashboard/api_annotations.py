"""Tags, rating and note of an interaction, as people set them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from gemtap.dashboard.api import document_of, known_id, unknown
from gemtap.stores.base import Store


class Annotations(BaseModel):
    """The fields to set. Omitted fields stay unchanged; an empty list or text removes a value."""

    model_config = ConfigDict(extra="forbid")

    tags: list[str] | None = None
    rating: str | None = None
    note: str | None = None


def make_router(store: Store) -> APIRouter:
    """The route `PATCH /api/interactions/ID`."""
    router = APIRouter(tags=["interactions"])

    @router.patch("/interactions/{id_}")
    async def annotate(id_: str, given: Annotations) -> dict[str, Any]:
        """Set tags, rating and note, and return their new values."""
        if not await store.annotate(known_id(id_), tags=given.tags, rating=given.rating, note=given.note):
            raise unknown(id_)
        document = await document_of(store, id_)
        return {"tags": document["tags"], "rating": document["rating"], "note": document["note"]}

    return router
