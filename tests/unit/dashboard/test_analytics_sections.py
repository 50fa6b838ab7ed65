"""The calendar, the tools and the cost on other models on the page of statistics."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId

from gemtap.dashboard.time_range import without_times
from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def section(page: str, id_: str) -> str:
    return page[page.index(f'id="{id_}"') :].partition("</section>")[0]


async def test_a_day_of_the_calendar_leads_to_that_day(site: Site) -> None:
    """The calendar has the cost and requests of each day of the month; the other conditions of the query are kept."""
    for day, cost in ((3, 1.5), (3, 0.5), (4, 0.1), (31, 0.2)):
        await site.keep(timestamp=datetime(2026, 3, day, 23, 59, tzinfo=UTC), cost={"usd": cost, "source": "test"})
    await site.keep(timestamp=datetime(2026, 3, 3, tzinfo=UTC), model="other")
    await site.keep(timestamp=datetime(2026, 4, 1, tzinfo=UTC))
    page = await site.page("/analytics?last=all&month=2026-03&q=model:gemini-2.5-pro")
    calendar = section(page, "calendar")
    assert "March 2026" in calendar
    assert "3 $2.00 2 requests" in text_of(calendar)
    assert "4 $0.10 1 request " in text_of(calendar)
    assert calendar.count("/analytics?q=") == 3
    link = next(unescape(href) for href in re.findall(r'href="([^"]+)"', calendar) if "03-03" in href)
    assert parse_qs(urlsplit(link).query)["q"] == ["model:gemini-2.5-pro since:2026-03-03 until:2026-03-04"]
    of_day = await site.page(link)
    assert 'data-bucket="hour"' in of_day or 'data-bucket="minute"' in of_day
    assert "$2.00" in of_day
    assert "$0.10" not in of_day.partition('id="calendar"')[0]
    # The calendar of a day is its month, with all days.
    assert "4 $0.10 1 request " in text_of(section(of_day, "calendar"))
    assert 'aria-label="Month after"' in calendar


async def test_months_follow_each_other(site: Site) -> None:
    """Links lead to the month before and after, and not beyond the present month."""
    now = datetime.now(UTC)
    await site.keep(timestamp=now - timedelta(minutes=1))
    page = section(await site.page("/analytics?last=7d"), "calendar")
    assert f"{now - timedelta(minutes=1):%B %Y}" in page
    assert 'aria-label="Month after"' not in page
    before = unescape(re.findall(r'href="([^"]+)" aria-label="Month before"', page)[0])
    month = now.replace(day=1) - timedelta(days=1)
    page = section(await site.page(before), "calendar")
    assert f"{month:%B %Y}" in page
    assert 'aria-label="Month after"' in page


@pytest.mark.parametrize("month", ["2026-13", "march", "0001-01"])
async def test_a_wrong_month_is_refused(site: Site, month: str) -> None:
    """A month has four digits of a year and two of a month."""
    await site.page(f"/analytics?month={month}", status=422)


async def test_tools_and_other_models_are_shown(site: Site) -> None:
    """Tools have their failures, or none that are known; models that are chosen have their cost."""
    now = datetime.now(UTC)
    use = {
        "calls": [{"name": "<b>bash</b>", "times": 3}],
        "results": [{"name": "<b>bash</b>", "times": 2, "failed": 1}, {"name": "ls", "times": 1, "failed": None}],
    }
    cost = {"usd": 0.3, "source": "test"}
    await site.keep(timestamp=now - timedelta(minutes=1), tool_use=use, cost=cost, thread=None)
    page = await site.page("/analytics?models=gpt-5,no-such-model")
    assert "<b>bash" not in page
    tools = text_of(page[page.index("<h2>Tools") :])
    assert "<b>bash</b> 3 2 1 $0.20 ls 0 1 unknown $0.10" in tools
    assert "gpt-5" in section(page, "models")
    assert "no-such-model" in section(page, "models")
    assert (await site.api("tools"))["rows"][0]["failed"] == 1
    found = await site.api("other-models?models=gpt-5&models=no-such-model")
    assert [row["model"] for row in found["rows"]] == ["gpt-5", "no-such-model"]
    assert found["cost"] == pytest.approx(0.3)


async def test_a_failed_request_has_no_results(site: Site) -> None:
    """The client sends them again."""
    use = {"calls": [], "results": [{"name": "ls", "times": 1, "failed": 0}]}
    await site.keep(timestamp=datetime.now(UTC), tool_use=use, error={"message": "No.", "details": None})
    assert (await site.api("tools"))["rows"] == []
    thread = {"id": ObjectId(), "turn": 2, "parent": ObjectId(), "new_messages": 1}
    await site.keep(timestamp=datetime.now(UTC), tool_use=use, thread=thread)
    (row,) = (await site.api("tools"))["rows"]
    assert (row["results"], row["time_ms"]["p50"]) == (1, None)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("since:7d model:a", "model:a"),
        ('"since: then" until:2026-03-01 -time:2026', '"since: then"'),
        ('model:"a b" SINCE:today', 'model:"a b"'),
        ("", ""),
    ],
)
def test_conditions_on_the_time_are_taken_out(query: str, left: str) -> None:
    """Only those: a phrase may look like one."""
    assert without_times(query) == left
