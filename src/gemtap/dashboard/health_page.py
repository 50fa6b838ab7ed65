"""The health page: current problems of recording, earlier incidents, sizes and versions."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gemtap.dashboard.render import Look, Render
from gemtap.interaction import SCHEMA_VERSION, to_json
from gemtap.stores.base import Filter, Store, StoreError
from gemtap.stores.maintenance import Space
from gemtap.stores.opening import driver_of

_INCIDENTS: Final = 100

_ERRORS: Final = 5
"""Number of recent failures on the page."""

_DAYS: Final = 14
"""Number of days in the chart of growth."""

_PATIENCE: Final = 3.0
"""Seconds to wait for a store that may be unavailable."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Day:
    """Interactions of one day, relative to the busiest day."""

    date: datetime
    requests: int
    percent: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Size and growth of the store."""

    space: Space
    interactions: int
    days: list[Day]
    """The latest days, ending today."""

    @property
    def each(self) -> float:
        """Average bytes per interaction."""
        return self.space.used / self.interactions if self.interactions else 0.0

    @property
    def a_day(self) -> float:
        """Bytes per day: the mean over complete days with recordings, at the average size of an interaction."""
        busy = [day.requests for day in self.days[:-1] if day.requests] or [self.days[-1].requests]
        return self.each * sum(busy) / len(busy)


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """The route `/health`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/health")
    async def page(request: Request) -> HTMLResponse:
        health = await look()
        context: dict[str, Any] = {"health": health, "incidents": None, "growth": None, "errors": None}
        if not health.store_error:
            incidents = await _patiently(store.incidents.newest(limit=_INCIDENTS))
            errors = await _patiently(store.list(Filter(error=True), limit=_ERRORS))
            context |= {
                "incidents": None if incidents is None else [to_json(each) for each in incidents],
                "errors": None if errors is None else [to_json(each) for each in errors],
                "growth": await _patiently(_growth(store)),
            }
        context["versions"] = _versions(store)
        return await render(request, "health.html", context)

    return router


async def _patiently(asked: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await asked
    except (StoreError, TimeoutError):
        return None


async def _growth(store: Store) -> Growth:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=_DAYS - 1)
    rows = await store.statistics(Filter(since=first), bucket="day")
    requests = {row["bucket"]: row["requests"] for row in rows}
    most = max(requests.values(), default=0) or 1
    dates = [first + timedelta(days=number) for number in range(_DAYS)]
    days = [Day(date, requests.get(date, 0), round(100 * requests.get(date, 0) / most, 1)) for date in dates]
    return Growth(await store.maintenance.space(), await store.count(Filter()), days)


def _versions(store: Store) -> dict[str, str]:
    """Versions of the main libraries."""
    versions = {"Python": platform.python_version()}
    name, version = driver_of(store.description)
    versions[name] = version
    return versions | {"Document schema": str(SCHEMA_VERSION)}
