"""The page of statistics. Its URL holds the time range, the query and the grouping."""

from __future__ import annotations

import asyncio
import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from pydantic import BaseModel, ConfigDict

from gemtap.api_schema import QueryText
from gemtap.dashboard.charts import SHOWN_KEYS, Asked, after, cache_share, charts_of, condition, name_of
from gemtap.dashboard.render import Look, Render
from gemtap.dashboard.thread_rows import rows_of
from gemtap.stores.base import Filter, Store
from gemtap.stores.query.parsing import parse
from gemtap.stores.statistics import Bucket, By, StatRow
from gemtap.stores.statistics.aggregate import bucket_start, buckets_between

Last = Literal["24h", "7d", "30d", "90d", "1y", "all"]

_LENGTHS: Final[dict[Last, timedelta | None]] = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
    "all": None,
}
_NAMES: Final[dict[str, str]] = {
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
    "1y": "a year",
    "all": "everything",
}
_BUCKETS: Final[dict[Last, Bucket]] = {
    "24h": "hour",
    "7d": "day",
    "30d": "day",
    "90d": "day",
    "1y": "week",
    "all": "month",
}
_SPANS: Final[tuple[tuple[Bucket, timedelta], ...]] = (
    ("hour", timedelta(days=2)),
    ("day", timedelta(days=90)),
    ("week", timedelta(days=365)),
)
"""The time that the data may cover at most for each interval."""

_FINEST_FIRST: Final[tuple[Bucket, ...]] = ("hour", "day", "week", "month")

_FEWEST_BARS: Final = 12
"""Buckets on the time axis at least."""

_BYS: Final[tuple[By, ...]] = ("model", "client", "key", "operation", "provider", "outcome", "user", "finish_reason")

_MOST_BARS: Final = 200
"""Maximum number of buckets on a page, the latest ones: a year has thousands of hours."""

_ROWS: Final = 50
"""Maximum number of rows of the table by key."""

_THREADS: Final = 10

_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""plotly inserts styles and images. This page shows no recorded content as HTML."""


class AnalyticsQuery(BaseModel):
    """Parameters of the page."""

    model_config = ConfigDict(extra="forbid")

    last: Last | None = None
    """The default is seven days, or one day while nothing older is recorded."""
    bucket: Bucket | None = None
    by: By = "model"
    q: QueryText = ""


def make_router(render: Render, store: Store, look: Look) -> APIRouter:
    """The routes `/analytics` and its plotly script."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/analytics")
    async def analytics(request: Request, query: Annotated[AnalyticsQuery, Query()]) -> Response:
        now = datetime.now(UTC)
        last = query.last or await _enough(store, now)
        query_filter = parse(query.q, now)
        first = await _first(store, query_filter, last, now)
        asked = _asked(query, last, now, first)
        where = query_filter & Filter(since=asked.since)
        counted = await _counted(store, where, asked)
        context: dict[str, Any] = {
            "asked": asked,
            "params": query,
            "last": last,
            "begins": _begins(asked, first),
            "choices": _choices(query, last),
            "health": await look(),
            **counted,
        }
        if counted["total"] is None:
            context["anything"] = bool(await store.list(Filter(), limit=1))
        page = await render(request, "analytics.html", context)
        page.headers["content-security-policy"] = _POLICY
        return page

    @router.get("/analytics/plotly.js")
    async def plotly() -> FileResponse:
        found = importlib.util.find_spec("plotly")
        path = Path(found.origin).parent / "package_data" / "plotly.min.js" if found and found.origin else None
        if path is None or not path.is_file():
            raise HTTPException(404, "The package plotly is not installed: there are tables, but no charts.")
        # The page's URL of the script has Gemtap's version, and a version of Gemtap pins one version of plotly.
        return FileResponse(path, media_type="text/javascript", headers={"cache-control": "max-age=86400"})

    return router


async def _enough(store: Store, now: datetime) -> Last:
    """The range if none is given."""
    older = await store.list(Filter(until=now - timedelta(days=1)), limit=1)
    return "7d" if older else "24h"


async def _first(store: Store, where: Filter, last: Last, now: datetime) -> datetime | None:
    """The time of the first matching interaction in the range; None if there is none."""
    length = _LENGTHS[last]
    within = where & Filter(since=now - length if length is not None else None)
    found = await store.list(within, order="oldest", limit=1)
    return found[0]["timestamp"] if found else None


def _fitting(last: Last, now: datetime, first: datetime | None) -> Bucket:
    """The interval for a range: finer if the data covers only a part of it, such as the first day of recording."""
    widest = _BUCKETS[last]
    if first is None:
        return widest
    finer: Bucket = next((bucket for bucket, most in _SPANS if now - first <= most), "month")
    return min(finer, widest, key=_FINEST_FIRST.index)


def _begins(asked: Asked, first: datetime | None) -> datetime | None:
    """Where the time axis begins: with the first interaction if most of the range is empty before it."""
    if first is None or (asked.since is not None and (asked.until - first) * 3 > asked.until - asked.since):
        return asked.since
    begin, end = bucket_start(first, asked.bucket), bucket_start(asked.until, asked.bucket)
    # A single bar as wide as the chart would look like a long time.
    for _ in range(_FEWEST_BARS):
        if len(buckets_between(begin, end, asked.bucket)) >= _FEWEST_BARS:
            break
        begin = bucket_start(begin - timedelta(seconds=1), asked.bucket)
    return begin


def _asked(query: AnalyticsQuery, last: Last, now: datetime, first: datetime | None) -> Asked:
    bucket = query.bucket or _fitting(last, now, first)
    length = _LENGTHS[last]
    # Whole buckets only: a partial bucket would look like a quiet one.
    since = bucket_start(now - length, bucket) if length is not None else None
    return Asked(query.q.strip(), since, now, bucket, query.by)


async def _counted(store: Store, where: Filter, asked: Asked) -> dict[str, Any]:
    """The template's values, counted concurrently. `total` is None if nothing matches."""
    totals, over_time, keyed, by_key, dearest = await asyncio.gather(
        store.statistics(where),
        store.statistics(where, bucket=asked.bucket),
        store.statistics(where, by=asked.by),
        store.statistics(where, bucket=asked.bucket, by=asked.by),
        store.threads(where, limit=_THREADS, sort="cost"),
    )
    if not totals or not over_time:
        return {"total": None}
    left_out, over_time = max(0, len(over_time) - _MOST_BARS), over_time[-_MOST_BARS:]
    starts = {row["bucket"] for row in over_time}
    top = [row["key"] for row in keyed[:SHOWN_KEYS]]
    return {
        "total": totals[0],
        "charts": charts_of(asked, over_time, [row for row in by_key if row["bucket"] in starts], top),
        "end": after(bucket_start(asked.until, asked.bucket), asked.bucket),
        "rows": [_row(asked, row) for row in keyed[:_ROWS]],
        "left_out": left_out,
        "more_keys": max(0, len(keyed) - _ROWS),
        "threads": await rows_of(store, dearest.items, {}),
    }


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


def _choices(query: AnalyticsQuery, last: Last) -> dict[str, list[dict[str, Any]]]:
    """Links to the same page with one parameter changed."""
    params = {name: value for name, value in {**query.model_dump(), "last": last}.items() if value}

    def links(name: str, values: dict[str, str], chosen: str, drop: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        kept = {key: value for key, value in params.items() if key not in drop}
        return [
            {"name": shown, "href": "/analytics?" + urlencode({**kept, name: value}), "on": value == chosen}
            for value, shown in values.items()
        ]

    bucket = query.bucket or _BUCKETS[last]
    return {
        # Another range has another default bucket.
        "last": links("last", _NAMES, last, ("bucket",)),
        "bucket": links("bucket", {each: each for each in get_args(Bucket)}, bucket),
        "by": links("by", {each: each.replace("_", " ") for each in _BYS}, query.by),
    }
