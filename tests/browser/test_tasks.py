"""The tasks of the README's table, each by clicking through the dashboard from its first page."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from bson import ObjectId
from playwright.sync_api import Browser, Page, expect

from gemtap.interaction import NO_TOKENS
from gemtap.stores.base import Record
from gemtap.stores.opening import open_store
from tests.browser.asking import recorded
from tests.browser.conftest import Visitor, visit
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi
from tests.records import make_record

pytestmark = pytest.mark.browser

YESTERDAY: Final = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
COSTS: Final = (0.5, 0.25, 1.75)


def turn(number: int, thread: ObjectId, parent: ObjectId | None, system: str, cached: int) -> Record:
    """A turn of a conversation of yesterday, with its whole context."""
    contents: list[dict[str, Any]] = []
    for each in range(number):
        contents.append({"role": "user", "parts": [{"text": f"Question {each + 1} about the calendar."}]})
        contents.append({"role": "model", "parts": [{"text": "Rayleigh."}]})
    request = {"systemInstruction": {"parts": [{"text": system}]}, "contents": contents[:-1]}
    return make_record(
        _id=thread if parent is None else ObjectId(),
        request_raw=json.dumps(request).encode(),
        timestamp=YESTERDAY + timedelta(minutes=number),
        thread={"id": thread, "turn": number, "parent": parent, "new_messages": 1},
        tokens={**NO_TOKENS, "input": 9_000, "cached": cached, "output": 20, "total": 9_020},
        cost={"usd": COSTS[number - 1], "source": "test"},
        preview={"prompt": f"Question {number} about the calendar.", "answer": "Rayleigh."},
        rating=None,
        tags=[],
    )


async def remember(data: Path) -> None:
    """Store a conversation of yesterday, whose last turn has another system instruction."""
    store = open_store(f"sqlite:///{data / 'gemtap.db'}")
    await store.open()
    thread = ObjectId()
    first = turn(1, thread, None, "You are careful.", 0)
    second = turn(2, thread, thread, "You are careful.", 8_000)
    third = turn(3, thread, second.document["_id"], "You are careful. It is 12:03.", 0)
    await store.put([first, second, third])
    await store.close()


@pytest.fixture(scope="module")
def used(api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    """Gemtap with a conversation of yesterday, and two of today, one of which failed."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "data").mkdir()
    # Playwright runs an event loop in this thread.
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(lambda: asyncio.run(remember(folder / "data"))).result()
    gemtap = RunningGemtap(folder, api.origin, GEMINI_API_KEY="test")
    recorded(gemtap, "Explain tides.", generationConfig={"temperature": 0.2})
    recorded(gemtap, "Rename Customer to Account.", model="error-400")
    yield gemtap
    gemtap.close()


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light-1440", "dark-390"])
def person(chromium: Browser, used: RunningGemtap, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Somebody on the first page, with a wide light screen or a narrow dark one."""
    scheme, width = request.param
    visitor = visit(
        chromium,
        f"http://localhost:{used.dashboard_port}",
        color_scheme=scheme,
        viewport={"width": width, "height": 860},
    )
    visitor.open("/")
    yield visitor
    visitor.context.close()
    assert visitor.complaints == []
    assert visitor.foreign() == []


def open_thread(page: Page, words: str) -> None:
    # A replay of a first turn is a later thread with the same words.
    page.locator("tbody tr", has_text=words).last.locator("a.open").click()
    page.wait_for_url("**/threads/*")


def test_what_a_failing_run_sent(person: Visitor) -> None:
    """Three clicks: the thread that failed, its turn, and the tab of the request."""
    page = person.page
    page.locator("tbody tr", has=page.locator(".state.failed")).locator("a.open").click()
    page.get_by_role("link", name="open", exact=True).click()
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Request").click()
    page.locator("details.tree").get_by_role("searchbox").fill("Customer")
    expect(page.locator("details.tree")).to_contain_text("Rename Customer to Account.")


def test_what_yesterday_cost_and_why(person: Visitor) -> None:
    """Two clicks: the analytics page, and yesterday in its calendar; one more if that was last month."""
    page = person.page
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Analytics").click()
    calendar = page.locator("#calendar")
    if YESTERDAY.month != datetime.now(UTC).month:
        calendar.get_by_role("link", name="Month before").click()
    expect(calendar).to_contain_text("$2.5")
    calendar.get_by_role("link").filter(has_text="$2.5").click()
    page.wait_for_url("**since**")
    expect(page.locator(".figures")).to_contain_text("$2.5")
    expect(page.get_by_role("region", name="By model")).to_contain_text("gemini-2.5-pro")
    expect(page.locator("table.threads tbody tr")).to_have_count(1)
    expect(page.locator("table.threads")).to_contain_text("Question 1 about the calendar.")


def test_which_turn_broke_the_cache(person: Visitor) -> None:
    """Two clicks: the thread, and what changed in the turn that says `no cache hit`."""
    page = person.page
    open_thread(page, "Question 1 about the calendar.")
    broken = page.locator(".turn", has_text="no cache hit")
    expect(broken).to_have_count(1)
    broken.get_by_role("link", name="what changed").click()
    expect(page.locator(".verdict")).to_contain_text(
        "Why nothing came from the cache: the system instruction changed. "
        "The first difference is in System instruction, at character 17."
    )
    expect(page.locator(".verdict")).to_contain_text("9\u202f000 input tokens were billed in full again")


def test_a_training_set_of_good_runs(person: Visitor, used: RunningGemtap, tmp_path: Path) -> None:
    """Three clicks rate a run; a search for good ones and two more clicks download them."""
    page = person.page
    open_thread(page, "Question 1 about the calendar.")
    page.locator(".turn").last.get_by_role("link", name="open", exact=True).click()
    good = page.get_by_role("button", name="good")
    expect(good).to_have_attribute("aria-pressed", re.compile("true|false"))
    if good.get_attribute("aria-pressed") == "false":
        good.click()
        expect(page.locator("#yours [role=status]")).to_have_text("Saved")
    expect(good).to_have_attribute("aria-pressed", "true")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Interactions").click()
    page.get_by_role("searchbox").or_(page.get_by_role("combobox")).first.fill("rating:good")
    page.keyboard.press("Enter")
    page.wait_for_url("**rating*")
    page.get_by_text("Export these").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="openai-chat").click()
    download.value.save_as(tmp_path / "set.jsonl")
    (line,) = (tmp_path / "set.jsonl").read_text("utf-8").splitlines()
    messages = json.loads(line)["messages"]
    assert [each["role"] for each in messages] == ["system", *["user", "assistant"] * 3]


def test_a_turn_with_another_model(person: Visitor) -> None:
    """Replay, a model and Send: both responses side by side."""
    page = person.page
    open_thread(page, "Explain tides.")
    page.locator(".turn").first.get_by_role("link", name="open", exact=True).click()
    page.get_by_role("button", name="Replay…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model").fill("gemini-2.5-pro")
    dialog.get_by_role("button", name="Send").click()
    page.wait_for_url("**/compare")
    expect(page.locator(".side")).to_have_count(2)
    expect(page.locator(".side").first).to_contain_text("gemini-2.5-flash")
    expect(page.locator(".side").last).to_contain_text("gemini-2.5-pro")
