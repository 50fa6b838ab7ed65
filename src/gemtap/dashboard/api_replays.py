"""Replay of a recorded request from the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Protocol, cast

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict

from gemtap.dashboard.api import known_id, unknown
from gemtap.interaction import Interaction, Json
from gemtap.providers.documents import cost_of
from gemtap.stores.base import Filter, Store


class Replaying(Protocol):
    """Sends recorded requests again (see `gemtap.replay.desk.Replays`)."""

    def has_key(self, provider: str) -> bool:
        """Whether there is a credential for requests to this provider."""
        ...

    async def begin(self, id_: ObjectId, *, model: str | None, values: Mapping[str, Any]) -> ObjectId | None:
        """Start a replay and return the id of the new interaction, or None if the original does not exist.

        Raises ValueError, in a sentence, where it cannot be sent.
        """
        ...


class Changes(BaseModel):
    """Changes: the model, and values of the body by path (`generationConfig.temperature`)."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    values: dict[str, Json] = {}


_MOST_MODELS: Final = 50


def make_router(replays: Replaying, store: Store) -> APIRouter:
    """The routes under `/api/interactions/ID/replay`."""
    router = APIRouter(tags=["interactions"])

    @router.get("/interactions/{id_}/replay")
    async def estimate(id_: str, model: Annotated[str | None, Query(max_length=500)] = None) -> dict[str, float | None]:
        """What the request would cost in US dollars with another model, for as many tokens; null if that is unknown."""
        document = await store.get(known_id(id_))
        if document is None:
            raise unknown(id_)
        other = document if model is None else {**document, "model": model, "model_version": None}
        cost = cost_of(cast(Interaction, {**other, "timestamp": datetime.now(UTC)}))
        return {"usd": None if cost is None else cost["usd"]}

    @router.get("/interactions/{id_}/replay/models")
    async def models(id_: str) -> dict[str, list[str]]:
        """Models that the provider of an interaction has answered with in the last 30 days, the most used first."""
        document = await store.get(known_id(id_))
        if document is None:
            raise unknown(id_)
        where = Filter(provider=document["provider"], since=datetime.now(UTC) - timedelta(days=30), error=False)
        rows = await store.statistics(where, by="model")
        return {"models": [row["key"] for row in rows if row["key"] is not None][:_MOST_MODELS]}

    @router.post("/interactions/{id_}/replay", status_code=202)
    async def replay(id_: str, changes: Changes) -> dict[str, str]:
        """Send the request again, with the key of the environment that Gemtap was started in.

        Answers with the id of the new interaction as soon as that is under way; its document has it as `replay_of`.
        """
        try:
            begun = await replays.begin(known_id(id_), model=changes.model, values=changes.values)
        except ValueError as exc:
            raise HTTPException(409, str(exc)) from exc
        if begun is None:
            raise unknown(id_)
        return {"id": str(begun)}

    return router
