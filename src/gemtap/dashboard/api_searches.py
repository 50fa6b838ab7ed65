"""Saved searches, as people name, rename and delete them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict

from gemtap.interaction import Json, to_json
from gemtap.stores.base import Store
from gemtap.stores.saved_searches import checked_name, checked_search, save


class Saving(BaseModel):
    """A search to save."""

    model_config = ConfigDict(extra="forbid")

    name: str
    query: str
    replace: bool = False
    """Whether it may replace a search with this name."""


class Renaming(BaseModel):
    """A search, and its new name."""

    model_config = ConfigDict(extra="forbid")

    name: str
    new_name: str


def make_router(store: Store) -> APIRouter:
    """The routes of `/api/searches`."""
    router = APIRouter(tags=["saved searches"])

    async def listed() -> dict[str, Json]:
        return {"items": [to_json(each) for each in await store.searches.all()]}

    @router.get("/searches")
    async def searches() -> dict[str, Any]:
        """All saved searches, by name."""
        return await listed()

    @router.post("/searches")
    async def add(given: Saving) -> dict[str, Any]:
        """Save a search, and return all of them."""
        await save(store.searches, checked_search(given.name, given.query), replace=given.replace)
        return await listed()

    @router.patch("/searches")
    async def rename(given: Renaming) -> dict[str, Any]:
        """Give a search another name, and return all of them."""
        if not await store.searches.rename(given.name, checked_name(given.new_name)):
            raise _unknown(given.name)
        return await listed()

    @router.delete("/searches")
    async def delete(name: Annotated[str, Query()]) -> dict[str, Any]:
        """Delete a search, and return the others."""
        if not await store.searches.delete(name):
            raise _unknown(name)
        return await listed()

    return router


def _unknown(name: str) -> HTTPException:
    return HTTPException(404, f"There is no saved search {name[:100]!r}.")
