"""The page of limits, and warnings that reach an open page."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visitor, visit
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap

pytestmark = pytest.mark.browser


def ask(gemtap: RunningGemtap, model: str) -> int:
    """The status of a request for a model."""
    request = urllib.request.Request(
        f"{gemtap.origin}/v1beta/models/{model}:generateContent",
        b'{"contents":[{"parts":[{"text":"Why?"}]}]}',
        {"content-type": "application/json", "x-goog-api-key": "any"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def test_limits_are_set_and_removed_on_the_page(visitor: Visitor) -> None:
    """The table follows at once; a mistake is said beside it."""
    page = visitor.open("/limits")
    page.get_by_label("For", exact=True).fill("model:absent-*")
    page.get_by_label("Measure").select_option("tokens")
    limit = page.get_by_label("Limit", exact=True)
    expect(limit).to_have_attribute("placeholder", "5M/day")
    limit.fill("5M/day")
    page.get_by_role("button", name="Set limit").click()
    row = page.locator("table.limits tbody tr", has_text="model:absent-*")
    expect(row).to_contain_text("0 of 5M")
    expect(row.get_by_role("img", name="0.0 % used")).to_be_visible()
    button = row.get_by_role("button", name="Remove the limit 5M/day")
    assert button.evaluate("each => each.offsetHeight") < 40  # one line
    button.click()
    expect(row).to_have_count(0)


def test_a_mistake_is_said_beside_the_table(chromium: Browser, gemtap: RunningGemtap) -> None:
    """In the words of the API. The browser itself reports the status 422."""
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    page = visitor.open("/limits")
    page.get_by_label("Limit", exact=True).fill("10/day")
    page.get_by_role("button", name="Set limit").click()
    expect(page.locator("#fault")).to_contain_text("10usd/day")
    visitor.context.close()


def test_a_warning_reaches_an_open_page_and_the_reader(chromium: Browser, gemtap: RunningGemtap) -> None:
    """At the top of the page without a reload, and as a notification once the reader has asked for it."""
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}", permissions=["notifications"])
    # What a notification shows is outside of the page: note what is asked for on the way.
    visitor.page.add_init_script(
        "window.shown = []; window.Notification = class extends Notification {"
        " constructor(title, options) { super(title, options); window.shown.push(options.body); } };"
    )
    page = visitor.open("/limits")
    page.get_by_label("For", exact=True).fill("model:warned-of")
    page.get_by_label("Measure").select_option("requests")
    page.get_by_label("Limit", exact=True).fill("2/month")
    page.get_by_role("button", name="Set limit").click()
    expect(page.locator("table.limits")).to_contain_text("model:warned-of")
    button = page.get_by_role("button", name="Notify this browser")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page = visitor.open("/interactions")
    page.wait_for_timeout(4000)  # until the events that there were are known
    for _ in range(3):
        ask(gemtap, "warned-of")
    expect(page.locator("#alarms")).to_contain_text("A limit is reached: requests of model:warned-of")
    page.wait_for_function("window.shown.some((body) => body.includes('model:warned-of'))")
    assert ask(gemtap, "warned-of") == 429
    page = visitor.open("/limits")
    expect(page.locator("table.incidents")).to_contain_text("A limit is reached: requests of model:warned-of")
    page.locator("tr", has_text="model:warned-of").get_by_role("button").first.click()
    expect(page.locator("table.limits")).to_have_count(0)
    visitor.context.close()
    assert visitor.complaints == []
