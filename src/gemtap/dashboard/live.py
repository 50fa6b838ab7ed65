"""Server-sent events of `/api/live`: new interactions, exchanges in flight and health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gemtap.dashboard.in_flight import InFlight
from gemtap.dashboard.limits import warns_whoever_asks
from gemtap.dashboard.render import Look
from gemtap.dashboard.scope import is_session_valid
from gemtap.interaction import to_json
from gemtap.stores.base import Store, StoreUnavailable
from gemtap.stores.following import Follower
from gemtap.stores.following_warnings import WarningFollower

_EVERY: Final = 0.3
"""Seconds between two polls of the store and the spool."""

_HEALTH_EVERY: Final = 3.0


def make_router(store: Store, in_flight: InFlight, look: Look) -> APIRouter:
    """The route `/api/live`."""
    router = APIRouter(tags=["interactions"])

    @router.get("/live", response_class=EventSourceResponse)
    async def live() -> AsyncIterator[ServerSentEvent]:
        """Yields events until the reader disconnects, or their access key is no longer valid.

        `interaction`: a list item, as soon as it is recorded. `inflight`: every exchange under way, whenever one of
        them has changed. `health`: what `/readyz` says, whenever that has changed. `warning`: an event of a limit or of
        an unusual rate, as soon as it is stored. `alive`: nothing but that Gemtap is there, every three seconds.
        """
        follower: Follower | None = None
        looked_at = float("-inf")
        told: dict[str, Any] = {}
        warnings = WarningFollower(store)
        while is_session_valid():
            try:
                if follower is None:
                    started = Follower(store)
                    await started.start()
                    follower = started
                async for item in follower.look():
                    yield ServerSentEvent(event="interaction", data=to_json(item))
            except StoreUnavailable:
                pass  # the `health` event reports it
            inflight = await in_flight.look()
            if told.get("inflight") != inflight:
                told["inflight"] = inflight
                yield ServerSentEvent(event="inflight", data={"items": inflight})
            if time.monotonic() - looked_at > _HEALTH_EVERY:
                state = (await look()).as_json()
                looked_at = time.monotonic()
                if _lasting(state) != _lasting(told.get("health", {})):
                    told["health"] = state
                    yield ServerSentEvent(event="health", data=state)
                else:
                    yield ServerSentEvent(event="alive", data={})
                for warning in await warnings.look():
                    if warns_whoever_asks(warning):
                        yield ServerSentEvent(event="warning", data=to_json(warning))
            await asyncio.sleep(_EVERY)

    return router


def _lasting(state: dict[str, Any]) -> dict[str, Any]:
    """The fields that trigger an event, without times and counters that change all the time."""
    return {name: value for name, value in state.items() if name not in ("oldest_age_s", "recorded", "backlog")} | {
        "behind": state.get("backlog", 0) > 0
    }
