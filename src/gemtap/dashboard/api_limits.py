"""Limits as JSON: their usage, and setting and removing them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from gemtap.dashboard.limits import Limiting, visible
from gemtap.dashboard.scope import current_user
from gemtap.interaction import Json
from gemtap.limits.limits import BadLimit, Measure, parse_amount, parse_subject
from gemtap.limits.shown import by_subject, limit_to_json


class Setting(BaseModel):
    """A limit to set, as `gemtap limits set` takes it."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, Field(max_length=300)]
    """`all`, a user's name, `model:PATTERN` or `client:PATTERN`."""
    measure: Measure
    limit: Annotated[str, Field(max_length=100)]
    """`60/minute`, `8` for concurrent requests, `5M/day` for tokens, `10usd/day` for cost."""


class Removal(BaseModel):
    """A limit to remove."""

    model_config = ConfigDict(extra="forbid")

    id: int


def make_router(limiting: Limiting) -> APIRouter:
    """The routes of `/api/limits`."""
    router = APIRouter(tags=["limits"])

    def listed() -> dict[str, Json]:
        return {"items": [limit_to_json(each) for each in by_subject(visible(limiting.usages()))]}

    @router.get("/limits")
    async def limits() -> dict[str, Any]:
        """The limits that concern whoever asks, and how much of each is used in its present window.

        `used` contains `reserved`, the estimates of what is under way or not recorded yet, and `others`, what other
        Gemtaps with the same database use. Amounts of `cost` are in millionths of a US dollar.
        """
        return listed()

    @router.post("/limits/set")
    async def set_limit(given: Setting) -> dict[str, Any]:
        """Set a limit, in place of one of the same measure and window, and return all of them. For admins."""
        try:
            subject = parse_subject(given.subject)
            amount, span = parse_amount(given.measure, given.limit)
            await limiting.set(subject, given.measure, amount, span, user=_name())
        except BadLimit as exc:
            raise HTTPException(422, str(exc)) from exc
        return listed()

    @router.post("/limits/unset")
    async def unset_limit(given: Removal) -> dict[str, Any]:
        """Remove a limit, and return the others. For admins."""
        if not await limiting.unset(given.id, user=_name()):
            raise HTTPException(404, f"There is no limit with the id {given.id}.")
        return listed()

    return router


def _name() -> str | None:
    user = current_user()
    return None if user is None else user.name
