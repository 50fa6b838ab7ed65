"""The page of statistics: its numbers, and the lists behind them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from gemtap.dashboard.charts import Asked, condition
from gemtap.stores.query.parsing import parse
from gemtap.stores.statistics.aggregate import after
from tests.records import make_record
from tests.unit.dashboard.conftest import Site
from tests.unit.dashboard.test_pages import HOSTILE, Elements

NOW = datetime.now(UTC)
BASE = make_record().document


@dataclass
class Cell:
    href: str | None = None
    shown: str = ""


class Table(HTMLParser):
    """The table of a chart's data: its columns, and the cells of each row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.columns: list[str] = []
        self.rows: list[list[Cell]] = []
        self._into = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr" and self.columns:
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append(Cell())
        elif tag == "th" and given.get("scope") == "col":
            self.columns.append("")
        elif tag == "a" and self._into == "td":
            self.rows[-1][-1].href = given["href"]
        if tag in ("td", "th"):
            self._into = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._into:
            self._into = ""

    def handle_data(self, data: str) -> None:
        if self._into == "th" and not self.rows:
            self.columns[-1] += data
        elif self._into == "td":
            self.rows[-1][-1].shown += data


class Figures(HTMLParser):
    """What the page's script draws: the series of each chart by title, with the link to the chart's data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.series: dict[str, list[dict[str, Any]]] = {}
        self.links: dict[str, str] = {}
        self.starts: list[str] = []
        self._series: list[dict[str, Any]] | None = None
        self._title = ""
        self._in_title = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "data-starts" in given:
            self.starts = json.loads(given["data-starts"] or "")
        if tag == "figure":
            self._series = json.loads(given["data-series"] or "")
        self._in_title = tag == "strong"
        if tag == "a" and self._title and given.get("class") == "lazy":
            self.links[self._title] = given["href"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title and self._series is not None:
            self._title = data
            self.series[data], self._series = self._series, None

    def values(self, title: str, place: int) -> list[float | None]:
        """The values of one bucket, one of each series."""
        return [series["values"][place] for series in self.series[title]]


async def keep(site: Site, hours: float, **fields: Any) -> str:
    return await site.keep(timestamp=NOW - timedelta(hours=hours), **fields)


async def some(site: Site) -> None:
    """Nine models on three days, and what is told apart by a value that is not there."""
    for number in range(9):
        for times in range(9 - number):
            await keep(site, 1 + 20 * (times % 3), model=f'model "{number}" a\\b,c*')
    await keep(site, 2, model=None, error={"message": "No.", "details": None})
    await keep(site, 100, client={**BASE["client"], "name": None})


@pytest.mark.anyio
@pytest.mark.parametrize("by", ["model", "client", "outcome"])
async def test_behind_every_mark_is_the_list_that_it_counts(site: Site, by: str) -> None:
    """Every mark links to the interactions that it counts."""
    await some(site)
    figures = Figures(await site.page(f"/analytics?last=7d&by={by}"))
    found = 0
    for title in ("Requests", "Errors"):
        table = Table(await site.page(figures.links[title]))
        assert len(table.rows) == len(figures.starts)
        for place, row in enumerate(table.rows):
            for value, cell in zip(figures.values(title, place), row, strict=True):
                if not value:
                    assert cell.href is None
                    continue
                assert cell.href is not None
                rows = Elements(await site.page(f"{cell.href}&limit=500")).rows
                assert len(rows) == value == int(cell.shown), (title, cell)
                found += len(rows)
    assert found == 45 + 2 + 1


@pytest.mark.anyio
async def test_the_numbers_of_the_charts(site: Site) -> None:
    """Charts show the numbers of the statistics."""
    tokens = {"input": 100, "cached": 60, "cache_write": 10, "output": 7, "reasoning": 3, "tool_use": 1, "total": 111}
    context = {"system": 10, "tools": 20, "media": 0, "results": 30, "history": 35, "new": 5}
    for took in (1000.0, 2000.0, 4000.0):
        timing = {**BASE["timing"], "first_byte_ms": took / 2}
        await keep(
            site,
            1,
            tokens=tokens,
            context=context,
            request_duration_ms=took,
            timing=timing,
            cost={"usd": 0.25, "source": "x", "cache_saved": 0.5},
        )
    shown = await site.page("/analytics?last=24h")
    assert re.search(r"Saved by caches</dt><dd>\$1\.50</dd><dd[^>]*>180 tokens read, 30 written", shown)
    page = Figures(shown)
    figures = {title: page.values(title, 0) for title in page.series}
    assert [series["name"] for series in page.series["Tokens by kind"]] == [
        *("cached input", "written to the cache", "new input", "tool use", "thinking", "output")
    ]
    assert figures["Tokens by kind"] == [180, 30, 90, 3, 9, 21]
    assert figures["Sources of the input (estimated)"] == [30, 60, 0, 90, 105, 15]
    assert figures["Cost"] == [0.75]
    assert figures["Requests"] == [3]
    assert figures["Latency"] == [2000, 4000, 4000]
    assert figures["Time to first byte"] == [1000, 2000, 2000]
    assert figures["Cached share of the input"] == [60]
    latency = Table(await site.page(page.links["Latency"]))
    assert latency.columns == ["minute (UTC)", "p50", "p95", "p99"]
    assert [cell.shown for cell in latency.rows[0]] == ["2.00 s", "4.00 s", "4.00 s"]
    slow = latency.rows[0][1].href
    assert slow is not None
    assert len(Elements(await site.page(slow)).rows) == 1


@pytest.mark.anyio
async def test_the_address_holds_the_range_the_grouping_and_the_query(site: Site) -> None:
    """The URL has the range, the grouping and the query."""
    await some(site)
    page = Elements(await site.page("/analytics?last=30d&by=client&bucket=week&q=-model:*"))
    assert page.links["key"] == "/analytics?last=30d&bucket=week&by=key&q=-model%3A%2A"
    assert page.links["7 days"] == "/analytics?last=7d&by=client&q=-model%3A%2A"
    assert "1 failed" in page.links
    rows = Elements(await site.page(page.links["1 failed"])).rows
    assert len(rows) == 1


@pytest.mark.anyio
async def test_the_most_expensive_threads_lead_to_their_pages(site: Site) -> None:
    """The most expensive threads link to their pages."""
    await keep(site, 1, cost={"usd": 2.5, "source": "x"})
    await keep(site, 2, cost={"usd": 0.5, "source": "x"})
    page = Elements(await site.page("/analytics"))
    assert page.text.index("$2.50") < page.text.rindex("$0.50")
    thread = next(link for link in page.links.values() if link.startswith("/threads/"))
    assert "$2.50" in await site.page(thread)


@pytest.mark.anyio
async def test_without_anything_it_says_where_to_begin(site: Site) -> None:
    """Without interactions, the page explains how to begin."""
    page = Elements(await site.page("/analytics"))
    assert page.links["Set up a client"] == "/setup"
    await keep(site, 24 * 20)
    page = Elements(await site.page("/analytics?last=7d&q=model:absent"))
    assert page.links["Show all time"] == "/analytics?last=all"
    assert "1" in Elements(await site.page("/analytics?last=all")).links


@pytest.mark.anyio
async def test_of_very_many_bars_the_last_are_shown_and_it_says_so(site: Site) -> None:
    """Only the last bars are shown, with a note."""
    records = [make_record(timestamp=NOW - timedelta(hours=hours)) for hours in range(230)]
    await site.store.put(records)
    html = await site.page("/analytics?last=30d&bucket=hour")
    assert "the last 180 of 230 hours" in html
    figures = Figures(html)
    assert sum(sum(series["values"]) for series in figures.series["Requests"]) == 180
    assert len(Table(await site.page(figures.links["Requests"])).rows) == 180
    assert f'data-since="{NOW - timedelta(hours=179):%Y-%m-%dT%H}:00:00"' in html
    # The figures above are of all.
    assert Elements(html).links["230"].startswith("/interactions?q=")


@pytest.mark.anyio
async def test_only_here_may_a_script_write_styles(site: Site) -> None:
    """Only this page allows inline styles."""
    await keep(site, 1, model=HOSTILE)
    answer = await site.get("/analytics")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src" not in policy
    page = Elements(answer.text)
    plotly = next(script for script in page.scripts if script and "plotly" in script)
    assert page.scripts[1:] == ["/static/page.js", plotly, "/static/analytics.js"]
    assert (page.scripts[0] or "").startswith("/static/theme.js?")
    assert "img" not in page.tags
    assert "unsafe" not in (await site.get("/")).headers["content-security-policy"]
    script = await site.get("/analytics/plotly.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert len(script.content) > 1_000_000


@pytest.mark.anyio
async def test_a_query_that_is_wrong_is_told(site: Site) -> None:
    """An invalid query is explained."""
    assert "colour" in await site.page("/analytics?q=colour:red", status=422)


@pytest.mark.anyio
async def test_a_chart_that_there_is_not_is_told(site: Site) -> None:
    """An unknown chart, and one without data, lead back to the page."""
    await keep(site, 1)
    assert "There is no chart nothing" in await site.page("/analytics/data/nothing", status=404)
    assert "There is no chart cost" in await site.page("/analytics/data/cost?q=model:absent", status=404)


@pytest.mark.parametrize("value", ['a "quoted" \\ one, two*', "*", "-x", "1..2", "a b", ">=1", "\u00fc", "a:b"])
def test_a_condition_is_read_back_as_it_was_meant(value: str) -> None:
    """A condition in a link is parsed to the same value."""
    (term,) = parse(condition("model", value), NOW).terms
    assert term.tests[0].value == value  # type: ignore[union-attr]


def test_buckets_follow_each_other() -> None:
    """Buckets are consecutive."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for bucket, number in (("minute", 60 * 24 * 365), ("hour", 24 * 365), ("day", 365), ("month", 12)):
        at = start
        for _ in range(number):
            at = after(at, bucket)  # type: ignore[arg-type]
        assert at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_list_of_a_bucket_keeps_to_it() -> None:
    """The list of a bucket has only its interactions."""
    asked = Asked("client:cline", NOW - timedelta(days=7), NOW, "day", "model")
    link = asked.in_bucket(datetime(2026, 3, 14, tzinfo=UTC), condition("model", None))
    times = "since%3A2026-03-14T00%3A00%3A00.000Z+until%3A2026-03-15T00%3A00%3A00.000Z"
    assert link == f"/interactions?q=client%3Acline+-model%3A%2A+{times}"


@pytest.mark.anyio
async def test_the_first_minutes_are_no_block_over_a_month(site: Site) -> None:
    """With a few minutes of data, a month is shown by minutes, and the axis begins shortly before the data."""
    now = datetime.now(UTC)
    for minutes in (1, 4):
        await site.keep(timestamp=now - timedelta(minutes=minutes))
    page = await site.page("/analytics?last=30d")
    assert 'data-bucket="minute"' in page
    since, until = (datetime.fromisoformat(word) for word in re.findall(r'data-(?:since|until)="([^"]+)"', page)[:2])
    assert timedelta(minutes=11) <= until - since <= timedelta(minutes=14)
    await site.keep(timestamp=now - timedelta(days=25))
    page = await site.page("/analytics?last=30d")
    assert 'data-bucket="day"' in page
    since = datetime.fromisoformat(re.findall(r'data-since="([^"]+)"', page)[0])
    assert since < (now - timedelta(days=29)).replace(tzinfo=None)
