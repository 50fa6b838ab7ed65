"""A month's calendar: requests and cost of each day, each a link to that day."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from gemtap.dashboard.time_range import without_times
from gemtap.stores.base import Filter, Store
from gemtap.stores.query.parsing import parse
from gemtap.stores.statistics import By, StatRow
from gemtap.stores.statistics.aggregate import after, bucket_start

_LEVELS: Final = 4
"""Shades of days, by their cost, or by their requests if no cost is known."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar."""

    number: int
    row: StatRow | None
    """None if nothing was recorded."""
    level: int
    """Its shade: 0 for none."""
    href: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month, in UTC."""

    name: str
    weeks: tuple[tuple[Day | None, ...], ...]
    """From Monday to Sunday; None for days of other months."""
    before: str
    """Link to the page with the month before."""
    after: str | None
    """Link to the page with the month after; None for the present month."""


async def month_of(store: Store, query: str, by: By, params: dict[str, str], shown: datetime, now: datetime) -> Month:
    """The month that contains `shown`. `params` are those of the page; the query's conditions on time are ignored."""
    first = bucket_start(shown, "month")
    end = after(first, "month")
    words = without_times(query)
    rows = await store.statistics(parse(words, now) & Filter(since=first, until=end), bucket="day")
    by_day = {row["bucket"].day: row for row in rows if row["bucket"] is not None}
    greatest = max((_weight(row, rows) for row in rows), default=0)

    def day_of(number: int) -> Day | None:
        if not number:
            return None
        row, start = by_day.get(number), first.replace(day=number)
        level = 0 if row is None else max(1, round(_LEVELS * _weight(row, rows) / (greatest or 1)))
        times = f"since:{start:%Y-%m-%d} until:{start + timedelta(days=1):%Y-%m-%d}"
        link = urlencode({"q": f"{words} {times}".strip(), "by": by})
        return Day(number, row, level, f"/analytics?{link}")

    weeks = calendar.Calendar().monthdayscalendar(first.year, first.month)
    return Month(
        f"{calendar.month_name[first.month]} {first.year}",
        tuple(tuple(map(day_of, week)) for week in weeks),
        _page(params, first - timedelta(days=1)),
        None if end > now else _page(params, end),
    )


def _weight(row: StatRow, rows: Sequence[StatRow]) -> float:
    return (row["cost"] or 0) if any(each["cost"] for each in rows) else row["requests"]


def _page(params: dict[str, str], month: datetime) -> str:
    return "/analytics?" + urlencode({**params, "month": f"{month:%Y-%m}"}) + "#calendar"


def month_named(text: str) -> datetime:
    """The beginning of a month such as `2026-03`. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
