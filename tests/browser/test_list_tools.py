"""What a list offers: sorting, columns, facets, excerpts, suggestions and saved searches."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.asking import recorded
from tests.browser.conftest import Visitor, visit
from tests.e2e.running_gemtap import RunningGemtap

pytestmark = pytest.mark.browser


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light-1440", "dark-390"])
def reader(chromium: Browser, gemtap: RunningGemtap, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """A visitor with a wide light screen, or a narrow dark one."""
    scheme, width = request.param
    visitor = visit(
        chromium,
        f"http://localhost:{gemtap.dashboard_port}",
        color_scheme=scheme,
        viewport={"width": width, "height": 860},
        reduced_motion="reduce",
    )
    yield visitor
    visitor.context.close()
    assert visitor.complaints == []
    assert visitor.foreign() == []


def check(page: Page) -> None:
    """axe finds nothing, and the page does not scroll sideways."""
    violations = [(each["id"], each["nodes"][0]["html"][:200]) for each in Axe().run(page).response["violations"]]
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def query_of(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("q", [])


def test_columns_sort_with_the_keyboard(visitor: Visitor) -> None:
    """A column's heading sorts, says so, and the next page continues the order."""
    page = visitor.open("/interactions?limit=5&q=cost:*")
    costs = []
    heading = page.get_by_role("columnheader", name="Cost")
    heading.get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=cost**")
    expect(heading).to_have_attribute("aria-sort", "descending")
    for _ in range(3):
        costs += [float(text.strip("$ \n")) for text in page.locator("td.c-cost").all_text_contents()]
        with page.expect_navigation():
            page.locator("a[rel=next]").click()
    assert len(costs) == 15
    assert costs == sorted(costs, reverse=True)
    page.goto(f"{visitor.origin}/interactions?q=read_file")
    assert page.get_by_role("columnheader", name="Cost").get_by_role("link").count() == 0


def test_hidden_columns_stay_hidden(visitor: Visitor) -> None:
    """The server hides what this browser has hidden, so that nothing flickers."""
    page = visitor.open("/interactions")
    page.locator("#columns summary").click()
    page.get_by_label("Client", exact=True).uncheck()
    # Narrow windows hide this column anyway; the class says that it was chosen.
    expect(page.locator("table.list.hide-client")).to_be_visible()
    page.reload()
    assert "hide-client" in str(page.locator("table.list").get_attribute("class"))
    expect(page.get_by_role("columnheader", name="Client")).to_be_hidden()
    page.goto(f"{visitor.origin}/threads")
    expect(page.get_by_role("columnheader", name="Client")).to_be_visible()


def test_facets_become_conditions_that_chips_remove(reader: Visitor) -> None:
    """A click on a value adds a condition; its chip removes it."""
    page = reader.open("/interactions")
    page.locator(".facets").get_by_role("link", name="gemini-2.5-flash", exact=True).click()
    page.wait_for_url("**q=*")
    assert query_of(page) == ["model:gemini-2.5-flash"]
    page.locator(".facets").get_by_role("link", name="countTokens").click()
    page.wait_for_url("**countTokens")
    assert query_of(page) == ["model:gemini-2.5-flash operation:countTokens"]
    check(page)
    page.get_by_label("Remove model:gemini-2.5-flash").click()
    page.wait_for_url(lambda url: "model" not in url)
    assert query_of(page) == ["operation:countTokens"]


def test_results_show_where_the_words_are(reader: Visitor, gemtap: RunningGemtap) -> None:
    """A row marks the words, and says in which message they are."""
    id_ = recorded(gemtap, "Look for the heliotrope, please.")
    page = reader.open("/interactions?q=heliotrope")
    excerpt = page.locator(f"#row-{id_} .found").last
    expect(excerpt).to_contain_text("prompt: Look for the heliotrope")
    expect(excerpt.locator("mark")).to_have_text("heliotrope")
    check(page)


def test_suggestions_complete_a_query(reader: Visitor) -> None:
    """Arrow keys choose a field and then a value, and the field tells screen readers which."""
    page = reader.open("/interactions")
    field = page.get_by_role("combobox", name="Search", exact=True)
    field.focus()
    options = page.get_by_role("option")
    # The script is loaded when the field has the focus.
    expect(field).to_have_attribute("aria-controls", "suggestions-1")
    page.keyboard.type("error:no mod")
    expect(options.first).to_contain_text("requested model")
    page.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "suggestions-1-0")
    check(page)
    page.keyboard.press("Enter")
    expect(field).to_have_value("error:no model:")
    expect(page.get_by_role("option", name="gemini-2.5-flash")).to_be_visible()
    page.keyboard.type("gemini-2.5-fl")
    expect(options).to_have_count(1)
    options.first.click()
    expect(field).to_have_value("error:no model:gemini-2.5-flash ")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    assert query_of(page) == ["error:no model:gemini-2.5-flash "]
    page.get_by_role("combobox", name="Search", exact=True).focus()
    expect(page.get_by_role("combobox", name="Search", exact=True)).to_have_attribute("aria-controls", "suggestions-1")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_be_visible()
    page.keyboard.press("Escape")
    expect(options.first).to_be_hidden()


def test_a_search_is_saved_used_renamed_and_deleted(reader: Visitor, gemtap: RunningGemtap) -> None:
    """A saved search is there on every page of every browser until it is deleted."""
    page = reader.open("/interactions?model=gemini-2.5-flash&q=error:no")
    saved = page.locator("#saved")
    saved.locator("summary").click()
    saved.get_by_label("Name").fill("good <b>ones</b>")
    saved.get_by_role("button", name="Save").click()
    expect(saved.get_by_role("link", name="good <b>ones</b>")).to_be_visible()
    check(page)
    page.goto(f"{reader.origin}/threads")
    saved.locator("summary").click()
    saved.get_by_role("link", name="good <b>ones</b>").click()
    page.wait_for_url("**/threads?q=*")
    assert query_of(page) == ["model:gemini-2.5-flash error:no"]
    saved.locator("summary").click()
    saved.get_by_role("button", name="Rename good <b>ones</b>").click()
    page.keyboard.type("fine ones")
    page.keyboard.press("Enter")
    expect(saved.get_by_role("link", name="fine ones")).to_be_visible()
    assert [each["name"] for each in gemtap.api("searches")["items"]] == ["fine ones"]
    saved.get_by_role("button", name="Delete fine ones").click()
    expect(saved.get_by_text("No search is saved yet.")).to_be_visible()
    assert gemtap.api("searches")["items"] == []
