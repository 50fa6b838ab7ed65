"""Replay of a recorded request from the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bson import ObjectId
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from gemtap.dashboard.api import known_id, unknown
from gemtap.interaction import Json


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


def make_router(replays: Replaying) -> APIRouter:
    """The route `POST /api/interactions/ID/replay`."""
    router = APIRouter(tags=["interactions"])

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
