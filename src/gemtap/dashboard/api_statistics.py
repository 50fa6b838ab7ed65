"""The JSON API of statistics and threads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gemtap.api_schema import (
    Limit,
    OtherModelsQuery,
    StatisticsQuery,
    ThreadsQuery,
    ToolsQuery,
    encoded,
    other_models_as_json,
    statistics_as_json,
    threads_as_json,
    tools_as_json,
)
from gemtap.dashboard.api import json_answer, known_id, unknown
from gemtap.interaction import Json, to_json
from gemtap.stores.base import Filter, Store
from gemtap.stores.paging import page_of
from gemtap.stores.statistics import NO_TOKEN_SUMS
from gemtap.stores.statistics.other_models import ASSUMPTION, costs_on

_PERCENTILES: Final = {"p50": 1200.0, "p95": 9000.0, "p99": 31000.0}
_ROW: Final[Json] = {
    "bucket": "2026-03-14T00:00:00.000Z",
    "key": "gemini-2.5-pro",
    "requests": 120,
    "errors": 3,
    "tokens": {
        "input": 912000,
        "cached": 700000,
        "cache_write": 50000,
        "output": 41000,
        "reasoning": 9000,
        "tool_use": 0,
        "total": 962000,
    },
    "cost": 0.81,
    "priced": 117,
    "cache_saved": 0.64,
    "duration_ms": _PERCENTILES,
    "first_byte_ms": _PERCENTILES,
    "context": {"system": 90000, "tools": 140000, "media": 0, "results": 510000, "history": 160000, "new": 12000},
}
_TOOL: Final[Json] = {
    "tool": "read_file",
    "calls": 310,
    "results": 308,
    "marked": 308,
    "failed": 12,
    "cost": 1.9,
    "priced": 308,
    "time_ms": {"p50": 140.0, "p95": 2100.0, "p99": 9000.0},
}
_OTHERS: Final[Json] = {
    "cost": 0.81,
    "rows": [{"model": "gpt-5", "usd": 0.74, "missing": {"cache writes": 50000}}],
    "assumption": ASSUMPTION,
}
_THREAD: Final[Json] = {
    "id": "66f1c0ffee0123456789abcd",
    "turns": 41,
    "failed": 2,
    "first_at": "2026-03-14T12:00:00.123Z",
    "last_at": "2026-03-14T13:07:30.007Z",
    "model": "gemini-2.5-pro",
    "client": "cline",
    "tokens": 3100000,
    "cost": 2.75,
    "preview": {"prompt": "Why is the sky blue?", "answer": "Rayleigh."},
}


def _example(value: Json) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": value}}}}


def make_router(store: Store) -> APIRouter:
    """The routes `/api/stats`, `/api/tools`, `/api/other-models` and `/api/threads`."""
    router = APIRouter(default_response_class=Response)

    @router.get("/stats", tags=["statistics"], responses=_example({"rows": [_ROW]}))
    async def stats(query: Annotated[StatisticsQuery, Query()]) -> Response:
        """Requests, errors, tokens, cost (US dollars) and times (milliseconds), by time and by one field."""
        rows = await store.statistics(query.where(), bucket=query.bucket, by=query.by)
        return json_answer(await asyncio.to_thread(lambda: encoded(statistics_as_json(rows))))

    @router.get("/tools", tags=["statistics"], responses=_example({"rows": [_TOOL]}))
    async def tools(query: Annotated[ToolsQuery, Query()]) -> Response:
        """Calls, results, failures, times (milliseconds) and cost (US dollars) of the tools that models call."""
        return json_answer(encoded(tools_as_json(await store.tools(query.where()))))

    @router.get("/other-models", tags=["statistics"], responses=_example(_OTHERS))
    async def other_models(query: Annotated[OtherModelsQuery, Query()]) -> Response:
        """What the same tokens would cost on other models (US dollars), and which of them have no known price."""
        rows = await store.statistics(query.where())
        tokens = rows[0]["tokens"] if rows else NO_TOKEN_SUMS
        costs = await asyncio.to_thread(costs_on, query.models, tokens, datetime.now(UTC))
        return json_answer(encoded(other_models_as_json(rows, costs)))

    @router.get("/threads", tags=["threads"], responses=_example({"items": [_THREAD], "next": None}))
    async def threads(query: Annotated[ThreadsQuery, Query()]) -> Response:
        """A page of the threads of which an interaction matches, each counted whole."""
        page = await store.threads(query.where(), limit=query.limit, sort=query.sort, cursor=query.cursor)
        return json_answer(encoded(threads_as_json(page)))

    @router.get("/threads/{id_}", tags=["threads"], responses=_example({**_THREAD, "items": [], "next": None}))
    async def thread(id_: str, limit: Limit = 50, cursor: str | None = None) -> Response:
        """One thread, and a page of its turns without their bodies, newest first."""
        where = Filter(thread=known_id(id_, "thread"))
        found = (await store.threads(where, limit=1)).items
        if not found:
            raise unknown(id_, "thread")
        page = await page_of(store, where, limit=limit, cursor=cursor)
        turns = {"items": [to_json(item) for item in page.items], "next": page.next}
        return json_answer(await asyncio.to_thread(lambda: encoded({**to_json(found[0]), **turns})))

    return router
