"""Analytics in a browser: charts show the numbers of the API, and link to the lists behind them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.asking import recorded
from tests.browser.conftest import Visitor, visit
from tests.e2e.running_gemtap import RunningGemtap

pytestmark = pytest.mark.browser


FIGURE = """const figureOf = title =>
    [...document.querySelectorAll("figure.chart")].find(it => it.querySelector("strong").textContent === title);"""


def query_of(link: str | None) -> str:
    """The search that a link to a list has."""
    return parse_qs(urlsplit(link or "").query)["q"][0]


def drawn(page: Page, title: str) -> list[dict[str, Any]]:
    """The contents of a plotly chart: name, values and colour of each trace."""
    page.wait_for_function(f"title => {{ {FIGURE} return figureOf(title)?.querySelector('.canvas').data; }}", arg=title)
    found: list[dict[str, Any]] = page.evaluate(
        f"""title => {{
            {FIGURE}
            return figureOf(title).querySelector(".canvas").data.map(({{ name, y, marker }}) =>
                ({{ name, y: [...y], colour: marker.color }}));
        }}""",
        title,
    )
    return found


def test_the_charts_show_what_was_recorded(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """Requests, tokens, sources and cost in the charts equal those of the API."""
    page = visitor.open("/analytics?last=24h&by=model")
    requests = {trace["name"]: sum(trace["y"]) for trace in drawn(page, "Requests")}
    rows = gemtap.api("stats?by=model")["rows"]
    told = {row["key"] or "none": row["requests"] for row in rows}
    for name, number in requests.items():
        if name != "others":
            assert number == told[name], name
    assert sum(requests.values()) == sum(told.values())
    tokens = {trace["name"]: sum(trace["y"]) for trace in drawn(page, "Tokens by kind")}
    whole = gemtap.api("stats")["rows"]
    assert tokens["output"] == sum(row["tokens"]["output"] for row in whole)
    assert tokens["cached input"] == sum(row["tokens"]["cached"] for row in whole)
    assert tokens["cached input"] + tokens["new input"] == sum(row["tokens"]["input"] for row in whole)
    context = sum(sum(trace["y"]) for trace in drawn(page, "Sources of the input (estimated)"))
    assert context == sum(sum(row["context"].values()) for row in whole)
    cost = sum(sum(trace["y"]) for trace in drawn(page, "Cost"))
    # Charts have four digits of a value.
    assert cost == pytest.approx(sum(row["cost"] or 0 for row in whole), rel=1e-3)
    errors = sum(sum(trace["y"]) for trace in drawn(page, "Errors"))
    assert errors == sum(row["errors"] for row in whole) > 0


def test_a_bar_leads_to_the_interactions_that_it_counts(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A click on a bar opens a list with as many interactions."""
    page = visitor.open("/analytics?last=24h&by=outcome")
    (trace, *_) = drawn(page, "Requests")
    last = max(n for n, value in enumerate(trace["y"]) if value)
    figure = page.locator("figure.chart", has_text="Requests").first
    figure.scroll_into_view_if_needed()
    bars = figure.locator(".barlayer .trace").first.locator(".point path")
    box = bars.nth(last).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(200)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**/interactions?q=*")
    shown = page.locator("tbody tr").count()
    assert shown == min(trace["y"][last], 50)


def test_charts_follow_the_light(visitor: Visitor) -> None:
    """Charts change their colours with the colour scheme."""
    page = visitor.open("/analytics?last=24h")
    light = drawn(page, "Tokens by kind")[1]["colour"]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        f"""light => {{
            {FIGURE}
            return figureOf("Tokens by kind").querySelector(".canvas").data[1].marker.color !== light;
        }}""",
        arg=light,
    )
    ground = page.evaluate(
        "getComputedStyle(document.querySelector('.chart')).backgroundColor.match(/[0-9]+/g).map(Number)"
    )
    assert max(ground[:3]) < 60


def test_the_numbers_stand_below_each_chart(visitor: Visitor) -> None:
    """Each chart has its data in a table, and the grouping can be changed."""
    page = visitor.open("/analytics?last=24h")
    drawn(page, "Errors")
    figure = page.locator("figure.chart").first
    expect(figure.locator("table")).to_have_count(0)
    figure.get_by_text("Show data").click()
    behind = figure.locator("tbody a").first
    expect(behind).to_be_visible()
    # A mark leads where the table does.
    links = page.evaluate(f"""() => {{ {FIGURE}
        return figureOf("Requests").querySelector(".canvas").data.flatMap(trace => trace.customdata); }}""")
    assert query_of(behind.get_attribute("href")) in [query_of(link) for link in links if link]
    page.get_by_role("link", name="client", exact=True).click()
    page.wait_for_url("**by=client*")
    expect(page.get_by_role("heading", name="By client")).to_be_visible()


def test_a_hostile_name_is_but_a_name(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """HTML in the name of a model is shown as text."""
    hostile = "<img src=x onerror='window.pwned=1'><a href='https://evil.example'>click</a>"
    recorded(gemtap, "Whose model is this?", model=quote(hostile, safe=""))
    page = visitor.open(f"/analytics?{urlencode({'last': '24h', 'q': 'text:whose'})}")
    (trace,) = drawn(page, "Requests")
    assert "<" not in trace["name"]
    assert "onerror" in trace["name"]
    figure = page.locator("figure.chart").first
    box = figure.locator(".barlayer .point path").last.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(figure.locator(".hoverlayer")).to_contain_text("onerror")
    assert page.locator("main img, main a[href^='https:'], .hoverlayer a").count() == 0
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_day_of_the_calendar_leads_to_its_analytics(
    chromium: Browser, gemtap: RunningGemtap, width: int, scheme: str
) -> None:
    """The calendar fits the window, and a click on a day shows the hours or minutes of that day."""
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}", **options)
    page = visitor.open("/analytics?last=30d")
    day = page.locator("#calendar td a").last
    expect(day).to_contain_text("$")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    day.click()
    page.wait_for_url("**since%3A*")
    assert page.locator("figure.chart").first.get_attribute("data-bucket") in ("minute", "hour")
    expect(page.get_by_role("heading", name="Tools")).to_be_visible()
    assert visitor.complaints == []
    visitor.context.close()


def test_the_tools_are_those_of_the_api(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The table of tools has the calls of each, and the cost can be compared with models that are chosen."""
    page = visitor.open("/analytics?last=24h")
    rows = gemtap.api("tools")["rows"]
    assert rows
    table = page.get_by_role("region", name="Tools")
    expect(table.locator("tbody th").first).to_have_text(rows[0]["tool"])
    page.get_by_label("Models (comma-separated)").fill("gpt-5-mini")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**models=gpt-5-mini*")
    expect(page.locator("#models tbody th")).to_have_text(["as recorded", "gpt-5-mini"])
    assert "last=24h" in page.url
