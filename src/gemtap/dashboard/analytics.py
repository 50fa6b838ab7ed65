"""The page of statistics. Its URL holds the time range, the query and the grouping."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from gemtap.api_schema import QueryText
from gemtap.dashboard.charts import SHOWN_KEYS, Asked, Chart, cache_share, charts_of, condition, name_of
from gemtap.dashboard.month_calendar import month_named, month_of
from gemtap.dashboard.render import Look, Render
from gemtap.dashboard.thread_rows import rows_of
from gemtap.dashboard.time_range import Last, TimeRange, time_range
from gemtap.stores.base import Filter, Store
from gemtap.stores.query.parsing import parse
from gemtap.stores.statistics import Bucket, By, StatRow
from gemtap.stores.statistics.aggregate import after, bucket_start
from gemtap.stores.statistics.other_models import ASSUMPTION, USUAL, costs_on

_NAMES: Final[dict[str, str]] = {
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
    "1y": "1 year",
    "all": "all time",
}
_BYS: Final[tuple[By, ...]] = ("model", "client", "key", "operation", "provider", "outcome", "user", "finish_reason")

_MOST_BARS: Final = 180
"""Maximum number of buckets on a page, the latest ones: a year has thousands of hours, and a week 168."""

_ROWS: Final = 40
"""Maximum number of rows of the tables by key and by tool."""

_THREADS: Final = 10

_MOST_MODELS: Final = 12
"""Models that the cost is compared with, at most."""

_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""plotly inserts styles and images. This page shows no recorded content as HTML."""


class Charted(NamedTuple):
    """The charts of a selection, and the statistics of its keys."""

    charts: list[Chart]
    left_out: int
    """Number of earlier buckets that the charts leave out."""
    keyed: Sequence[StatRow]


class AnalyticsQuery(BaseModel):
    """Parameters of the page."""

    model_config = ConfigDict(extra="forbid")

    last: Last | None = None
    """See `time_range`."""
    bucket: Bucket | None = None
    by: By = "model"
    q: QueryText = ""
    month: Annotated[str, Field(pattern=r"^[12]\d{3}-(0[1-9]|1[0-2])$")] | None = None
    """The month of the calendar. The default is the one in which the range ends."""
    models: Annotated[str, Field(max_length=500)] = ""
    """Names of models, comma-separated, that the cost is compared with."""

    @property
    def params(self) -> dict[str, str]:
        """The parameters that are given, as a link has them."""
        return {name: str(value) for name, value in self.model_dump().items() if value}

    @property
    def other_models(self) -> list[str]:
        """The models that the cost is compared with."""
        return [name for name in map(str.strip, self.models.split(",")) if name][:_MOST_MODELS] or list(USUAL)


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """The routes `/analytics`, its plotly script, and the data of each chart."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    async def selected(query: AnalyticsQuery, now: datetime) -> tuple[Filter, TimeRange, Asked]:
        query_filter = parse(query.q, now)
        shown = await time_range(store, query_filter, query.last, query.bucket, now)
        asked = Asked(query.q.strip(), shown.since, shown.until, shown.bucket, query.by)
        return query_filter & Filter(since=asked.since), shown, asked

    @router.get("/analytics")
    async def analytics(request: Request, query: Annotated[AnalyticsQuery, Query()]) -> Response:
        now = datetime.now(UTC)
        where, shown, asked = await selected(query, now)
        last_moment = shown.until - timedelta(milliseconds=1)
        counted, month = await asyncio.gather(
            _counted(store, where, asked, query.other_models),
            month_of(
                store, query.q, query.by, query.params, month_named(query.month) if query.month else last_moment, now
            ),
        )
        context: dict[str, Any] = {
            "asked": asked,
            "params": query,
            "last": shown.last,
            "address": urlencode({**query.params, "last": shown.last, "bucket": shown.bucket}),
            "begins": shown.begins,
            "choices": _choices(query, shown),
            "health": await look(),
            "month": month,
            "assumption": ASSUMPTION,
            **counted,
        }
        if counted["total"] is None:
            context["anything"] = bool(await store.list(Filter(), limit=1))
        page = await render(request, "analytics.html", context)
        page.headers["content-security-policy"] = _POLICY
        return page

    @router.get("/analytics/data/{name}")
    async def data(request: Request, name: str, query: Annotated[AnalyticsQuery, Query()]) -> Response:
        """The numbers of one chart as a table."""
        where, _, asked = await selected(query, datetime.now(UTC))
        charts = (await _charted(store, where, asked)).charts
        chart = next((each for each in charts if each.name == name), None)
        if chart is None:
            raise HTTPException(404, f"There is no chart {name[:100]} with data. Choose one on the page Analytics.")
        back = "/analytics?" + urlencode(query.params)
        return await render(
            request, "chart_data.html", {"chart": chart, "asked": asked, "back": back, "health": await look()}
        )

    @router.get("/analytics/plotly.js")
    async def plotly() -> FileResponse:
        found = importlib.util.find_spec("plotly")
        path = Path(found.origin).parent / "package_data" / "plotly.min.js" if found and found.origin else None
        if path is None or not path.is_file():
            raise HTTPException(404, "The package plotly is not installed: there are tables, but no charts.")
        # The page's URL of the script has Gemtap's version, and a version of Gemtap pins one version of plotly.
        return FileResponse(path, media_type="text/javascript", headers={"cache-control": "max-age=86400"})

    return router


async def _counted(store: Store, where: Filter, asked: Asked, models: list[str]) -> dict[str, Any]:
    """The template's values, counted concurrently. `total` is None if nothing matches."""
    totals, charted, dearest, tools = await asyncio.gather(
        store.statistics(where),
        _charted(store, where, asked),
        store.threads(where, limit=_THREADS, sort="cost"),
        store.tools(where),
    )
    if not totals or not charted.charts:
        return {"total": None}
    return {
        "total": totals[0],
        "charts": charted.charts,
        "end": after(bucket_start(asked.until, asked.bucket), asked.bucket),
        "rows": [_row(asked, row) for row in charted.keyed[:_ROWS]],
        "left_out": charted.left_out,
        "more_keys": max(0, len(charted.keyed) - _ROWS),
        "threads": await rows_of(store, dearest.items, {}),
        "tools": tools[:_ROWS],
        "tool_links": [asked.listed(condition("tool", row["tool"])) for row in tools[:_ROWS]],
        "more_tools": max(0, len(tools) - _ROWS),
        "others": await asyncio.to_thread(costs_on, models, totals[0]["tokens"], asked.until),
    }


async def _charted(store: Store, where: Filter, asked: Asked) -> Charted:
    """The charts of what the filter selects, counted concurrently. There are none if nothing matches."""
    over_time, keyed, by_key = await asyncio.gather(
        store.statistics(where, bucket=asked.bucket),
        store.statistics(where, by=asked.by),
        store.statistics(where, bucket=asked.bucket, by=asked.by),
    )
    if not over_time:
        return Charted([], 0, keyed)
    left_out, over_time = max(0, len(over_time) - _MOST_BARS), over_time[-_MOST_BARS:]
    starts = {row["bucket"] for row in over_time}
    top = [row["key"] for row in keyed[:SHOWN_KEYS]]
    charts = charts_of(asked, over_time, [row for row in by_key if row["bucket"] in starts], top)
    return Charted(charts, left_out, keyed)


def _row(asked: Asked, row: StatRow) -> dict[str, Any]:
    """A row of the table by key."""
    is_key = condition(asked.by, row["key"])
    return {
        "name": name_of(row["key"]),
        "all": asked.listed(is_key),
        "failed": asked.listed(is_key, "error:yes"),
        "cache_share": cache_share(row),
        "stat": row,
    }


def _choices(query: AnalyticsQuery, shown: TimeRange) -> dict[str, list[dict[str, Any]]]:
    """Links to the same page with one parameter changed."""
    params = {**query.params, "last": shown.last}

    def links(name: str, values: dict[str, str], chosen: str, drop: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        kept = {key: value for key, value in params.items() if key not in drop}
        return [
            {"name": shown, "href": "/analytics?" + urlencode({**kept, name: value}), "on": value == chosen}
            for value, shown in values.items()
        ]

    return {
        # Another range has another default bucket.
        "last": links("last", _NAMES, shown.last, ("bucket",)),
        "bucket": links("bucket", {each: each for each in get_args(Bucket)}, shown.bucket),
        "by": links("by", {each: each.replace("_", " ") for each in _BYS}, query.by),
    }
