"""The list in a browser: live updates, filters, keys, pages."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.asking import ask, http_get, recorded
from tests.browser.conftest import Visitor, visit
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.browser


def test_a_new_interaction_arrives_by_itself(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A new interaction appears at the top without a reload."""
    page = visitor.open("/interactions")
    page.evaluate("window.mark = 'the same page'")
    id_ = ask(gemtap, "Will you arrive?")
    row = page.locator(f"#row-{id_}")
    expect(row).to_contain_text("Will you arrive?")
    expect(page.locator("tbody tr").first).to_have_id(f"row-{id_}")
    assert page.evaluate("window.mark") == "the same page"


def test_what_does_not_fit_the_filter_does_not_arrive(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """Live updates respect the filter."""
    page = visitor.open("/interactions?model=gemini-2.5-pro")
    other = ask(gemtap, "Not me.", model="gemini-2.5-flash")
    fitting = ask(gemtap, "But me.", model="gemini-2.5-pro")
    expect(page.locator(f"#row-{fitting}")).to_be_visible()
    assert page.locator(f"#row-{other}").count() == 0


def test_an_answer_is_seen_as_it_grows(chromium: Browser, slow_api: SimulatedApi, tmp_path: Path) -> None:
    """A running response grows in the list and on its own page."""
    gemtap = RunningGemtap(tmp_path, slow_api.origin)
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    asking = threading.Thread(target=ask, args=(gemtap, "Explain, step by step, how tides work."))
    try:
        page = visitor.open("/interactions")
        expect(page.get_by_text("Nothing has been recorded yet")).to_be_visible()
        asking.start()
        growing = page.locator(".flight [data-text]")
        expect(growing).not_to_be_empty()
        expect(page.locator(".flight [data-prompt]")).to_have_text("Explain, step by step, how tides work.")
        first = growing.evaluate("it => it.textContent.length")
        page.wait_for_function(
            "before => document.querySelector('.flight [data-text]')?.textContent.length > before + 5", arg=first
        )
        # The page of the running exchange grows too, and becomes the page of the recorded interaction.
        page.locator(".flight .open").click()
        expect(page.get_by_text("in flight")).to_be_visible()
        answer = page.locator(".message.model")
        before = answer.evaluate("it => it.textContent.length")
        page.wait_for_function(
            "before => document.querySelector('.message.model')?.textContent.length > before + 5", arg=before
        )
        asking.join()
        expect(page.locator(".outcome.good")).to_have_text("200")
        page.goto(f"{visitor.origin}/interactions")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("#flights")).to_be_hidden()
        assert visitor.complaints == []
    finally:
        if asking.ident is not None:
            asking.join()
        visitor.context.close()
        gemtap.close()


def test_a_click_filters_and_the_address_holds_it(visitor: Visitor) -> None:
    """A click filters the list, and the URL keeps the filter."""
    page = visitor.open("/interactions")
    page.locator(".c-model a", has_text="gemini-2.5-flash").first.click()
    page.wait_for_url("**q=*")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["model:gemini-2.5-flash"]}
    models = set(page.locator(".c-model a").all_inner_texts())
    assert models == {"gemini-2.5-flash"}
    page.reload()
    assert set(page.locator(".c-model a").all_inner_texts()) == models
    page.locator(".outcome.good").first.click()
    page.wait_for_url(lambda url: "outcome" in url)
    assert parse_qs(urlsplit(page.url).query) == {"q": ["model:gemini-2.5-flash outcome:complete"]}
    page.get_by_label("Remove model:gemini-2.5-flash").click()
    page.wait_for_url(lambda url: "model" not in url)
    assert len(set(page.locator(".c-model a").all_inner_texts())) > 1


def test_a_row_leads_to_the_words_that_were_searched(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A row of a word search scrolls to the words in the conversation."""
    id_ = recorded(gemtap, "\n\n".join([*(f"Paragraph {n}." for n in range(60)), "There the quixotic zebra stands."]))
    page = visitor.open('/interactions?q="quixotic+zebra"')
    page.locator(f"#row-{id_} .open").click()
    expect(page.get_by_text("There the quixotic zebra stands.", exact=True)).to_be_in_viewport()
    assert page.evaluate("scrollY") > 500
    visitor.open("/interactions")
    page.locator(f"#row-{id_} .open").click()
    expect(page.get_by_text("Paragraph 1.", exact=True)).to_be_in_viewport()


def test_a_search_is_in_the_address_and_goes_on_living(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A search is part of the URL, and its results update live."""
    page = visitor.open("/interactions?model=gemini-2.5-pro")
    page.keyboard.press("/")
    page.keyboard.type("error:no tokens:>1")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "q=" in url)
    assert parse_qs(urlsplit(page.url).query) == {"model": ["gemini-2.5-pro"], "q": ["error:no tokens:>1"]}
    expect(page.get_by_role("combobox", name="Search", exact=True)).to_have_value("error:no tokens:>1")
    fitting = ask(gemtap, "Found by the search.", model="gemini-2.5-pro")
    expect(page.locator(f"#row-{fitting}")).to_be_visible()
    page.get_by_label("Remove tokens:>1").click()
    page.wait_for_url(lambda url: "tokens" not in url)


def test_keys_move_and_open(visitor: Visitor) -> None:
    """`j` and `k` move the selection, Enter opens."""
    page = visitor.open("/interactions")
    for key in "jjjk":
        page.keyboard.press(key)
    second = page.locator("tbody tr").nth(1)
    assert page.evaluate("document.activeElement.closest('tr').id") == second.get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url("**/interactions/*")
    page.go_back()
    expect(page.locator("tbody tr").first).to_be_visible()


def test_pages_lead_from_the_newest_to_the_oldest(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The pages list every interaction once, newest first."""
    page = visitor.open("/interactions?limit=20")
    seen: list[str] = []
    while True:
        seen += [str(row.get_attribute("id")) for row in page.locator("tbody tr").all()]
        older = page.locator("a[rel=next]")
        if older.count() == 0:
            break
        with page.expect_navigation():
            older.click()
    ids = [f"row-{item['id']}" for item in gemtap.api("interactions?limit=500")["items"]]
    assert seen == ids


def test_the_first_request_turns_the_light_green(chromium: Browser, empty: RunningGemtap) -> None:
    """The first request of a client turns only its own light green."""
    visitor = visit(chromium, f"http://localhost:{empty.dashboard_port}")
    page = visitor.open("/interactions")
    page.get_by_role("link", name="Set up a client").click()
    light = page.locator("#first-request")
    expect(light).to_contain_text("Waiting for the first request")
    recorded(empty, "Hello")
    expect(light).to_contain_text("sent a request to gemini-2.5-flash")
    # Only curl has instructions; there are none for this client.
    assert page.locator(".arrival.good").count() == 0
    http_get(empty.port, "/v1beta/models", {"user-agent": "curl/8.14.1", "x-goog-api-key": "test"})
    expect(page.locator("#curl .arrival.good")).to_contain_text("Receiving curl requests")
    expect(page.locator(".arrival.good")).to_have_count(1)
    page.reload()
    expect(page.locator("#curl .arrival.good")).to_contain_text("Receiving curl requests")
    assert page.locator(".arrival.good").count() == 1
    http_get(empty.port, "/v1beta/models", {"user-agent": "Tester/1.0", "x-goog-api-key": "test"})
    expect(light).to_contain_text("sent a request")
    light.get_by_role("link").click()
    page.wait_for_url("**/interactions/*")
    assert visitor.complaints == []
    visitor.context.close()


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_the_light_says_when_gemtap_is_gone(empty: RunningGemtap, chromium: Browser, how: str) -> None:
    """The light at the top says `disconnected` when Gemtap ends or hangs, and recovers by itself, rows included."""
    visitor = visit(chromium, f"http://localhost:{empty.dashboard_port}")
    page = visitor.open("/interactions")
    light = page.locator("#recording")
    try:
        expect(light).to_have_text("recording")
        desk = empty.children()["desk"]
        if how == "stopped":
            empty.stop()
        else:
            os.kill(desk, signal.SIGSTOP)
        expect(light).to_have_text("disconnected")
        expect(light).to_have_class("light bad")
        if how == "stopped":
            empty.start()
        else:
            os.kill(desk, signal.SIGCONT)
        expect(light).to_have_text("recording")
        expect(light).to_have_class("light good")
        id_ = ask(empty, "Are you back?")
        expect(page.locator(f"#row-{id_}")).to_be_visible()
    finally:
        visitor.context.close()


def test_the_palette_and_the_theme(visitor: Visitor) -> None:
    """Ctrl-K goes to pages and searches; the theme that was chosen holds on the next page."""
    page = visitor.open("/")
    expect(page.get_by_role("button", name="Ctrl-K")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("heal")
    page.keyboard.press("Enter")
    page.wait_for_url("**/health")
    expect(page.get_by_role("button", name="Ctrl-K")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("model:gemini-2.5-pro")
    page.get_by_role("link", name="Search interactions").click()
    page.wait_for_url("**/interactions?q=*")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 19, 22)"
