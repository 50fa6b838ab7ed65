"""Replay of a recorded request from the dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Protocol, cast

from bson import ObjectId
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict

from gemtap.dashboard.api import document_of, unknown
from gemtap.dashboard.scope import current_user
from gemtap.faults import not_one_of
from gemtap.interaction import Interaction, Json
from gemtap.providers.documents import cost_of
from gemtap.providers.registry import PROVIDERS
from gemtap.stores.base import Filter, Store


class Replaying(Protocol):
    """Sends recorded requests again (see `gemtap.replay.desk.Replays`)."""

    def targets(self, document: Interaction) -> Sequence[tuple[str, str]]:
        """Name and title of each provider that may be asked, the one of the interaction first; none without keys."""
        ...

    def elsewhere(self, document: Interaction, *, model: str, provider: str) -> tuple[Sequence[str], float | None]:
        """What another provider could not be asked, in clauses, and about what it would cost in US dollars.

        Raises ValueError, in a sentence, where it cannot be asked at all.
        """
        ...

    async def begin(
        self,
        id_: ObjectId,
        *,
        model: str | None,
        values: Mapping[str, Any],
        provider: str | None = None,
        user: str | None = None,
    ) -> ObjectId | None:
        """Start a replay for a user and return the id of the new interaction, or None if the original does not exist.

        Raises ValueError, in a sentence, where it cannot be sent.
        """
        ...


class Changes(BaseModel):
    """Changes: the model, another provider, and values of the body by path (`generationConfig.temperature`)."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    provider: str | None = None
    values: dict[str, Json] = {}


_MOST_MODELS: Final = 50


def make_router(replays: Replaying, store: Store) -> APIRouter:
    """The routes under `/api/interactions/ID/replay`."""
    router = APIRouter(tags=["interactions"])

    @router.get("/interactions/{id_}/replay")
    async def estimate(id_: str, model: Annotated[str | None, Query(max_length=500)] = None) -> dict[str, float | None]:
        """What the request would cost in US dollars with another model, for as many tokens; null if that is unknown."""
        document = await document_of(store, id_)
        other = document if model is None else {**document, "model": model, "model_version": None}
        cost = cost_of(cast(Interaction, {**other, "timestamp": datetime.now(UTC)}))
        return {"usd": None if cost is None else cost["usd"]}

    @router.get("/interactions/{id_}/replay/models")
    async def models(id_: str, provider: Annotated[str | None, Query(max_length=100)] = None) -> dict[str, list[str]]:
        """Models that a provider has answered with in the last 30 days, the most used first.

        Without `provider`, those of the interaction's own.
        """
        document = await document_of(store, id_)
        if provider is not None and provider not in (document["provider"], *PROVIDERS):
            raise HTTPException(422, f"provider: {not_one_of(provider, PROVIDERS)}")
        where = Filter(
            provider=provider or document["provider"], since=datetime.now(UTC) - timedelta(days=30), error=False
        )
        rows = await store.statistics(where, by="model")
        return {"models": [row["key"] for row in rows if row["key"] is not None][:_MOST_MODELS]}

    @router.get("/interactions/{id_}/replay/lost")
    async def elsewhere(
        id_: str, model: Annotated[str, Query(max_length=500)], provider: Annotated[str, Query(max_length=100)]
    ) -> dict[str, list[str] | float | None]:
        """What would be left out of the request for a model of another provider, in clauses for people.

        `usd` is about what the request would cost in US dollars, for as many tokens; null if that is unknown.
        """
        document = await document_of(store, id_)
        try:
            lost, usd = replays.elsewhere(document, model=model, provider=provider)
        except ValueError as exc:
            raise HTTPException(409, str(exc)) from exc
        return {"lost": list(lost), "usd": usd}

    @router.post("/interactions/{id_}/replay", status_code=202)
    async def replay(id_: str, changes: Changes) -> dict[str, str]:
        """Send the request again, with the key of the environment that Gemtap was started in.

        Answers with the id of the new interaction as soon as that is under way; its document has it as `replay_of`.
        """
        document = await document_of(store, id_)
        user = current_user()
        try:
            begun = await replays.begin(document["_id"], **changes.model_dump(), user=user.name if user else None)
        except ValueError as exc:
            raise HTTPException(409, str(exc)) from exc
        if begun is None:
            raise unknown(id_)
        return {"id": str(begun)}

    return router
