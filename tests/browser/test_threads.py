"""Threads in a browser: the list, the conversation turn by turn, and the client's changes."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from gemtap.dashboard.filters import count
from tests.browser.asking import ask, recorded
from tests.browser.conftest import Visitor, visit
from tests.browser.test_interaction import said
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.browser

LONG = "word " * 40_000


def a_thread(gemtap: RunningGemtap, first: str, turns: int, *, long: str = "") -> list[str]:
    """Record a thread, each turn with the real responses so far. Returns the ids of its turns."""
    history: list[dict[str, Any]] = []
    ids = []
    for number in range(1, turns + 1):
        history.append(said("user", {"text": f"{first if number == 1 else f'Question {number} of {first}'} {long}"}))
        ids.append(recorded(gemtap, "", contents=history))
        answer = gemtap.interaction(ids[-1])["response"]["body"]["candidates"][0]["content"]["parts"]
        history.append(said("model", *[part for part in answer if not part.get("thought")]))
    return ids


def a_thread_goes_on(gemtap: RunningGemtap, last: str, text: str) -> str:
    """Record the turn after the last one, and give its id."""
    document = gemtap.interaction(last)
    answer = document["response"]["body"]["candidates"][0]["content"]["parts"]
    contents = [
        *document["request"]["body"]["contents"],
        said("model", *[part for part in answer if not part.get("thought")]),
        said("user", {"text": text}),
    ]
    return recorded(gemtap, "", contents=contents)


def test_a_thread_is_one_conversation_with_a_chart_a_turn(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A thread has each turn with a chart, and marks a retry."""
    ids = a_thread(gemtap, "The thread of three turns.", 3)
    retry = recorded(
        gemtap, "", contents=gemtap.interaction(ids[1])["request"]["body"]["contents"], model="gemini-2.5-pro"
    )
    page = visitor.open("/threads")
    row = page.locator("tbody tr", has_text="The thread of three turns.")
    expect(row.locator(".c-number")).to_have_text("4")
    row.locator(".open").click()
    turns = page.locator(".turn")
    expect(turns).to_have_count(4)
    expect(page.locator(".turn.way")).to_have_count(3)
    expect(page.locator(f"#turn-{retry}.retry")).to_contain_text("repeated attempt")
    assert (
        page.get_by_text("The thread of three turns.", exact=True).count() == 2
    )  # in the title, and in the conversation
    for number, id_ in enumerate(ids, 1):
        expect(page.locator(f"#turn-{id_} .message.user").last).to_contain_text("Question" if number > 1 else "thread")
        expect(page.locator(f"#turn-{id_} .message.model")).not_to_be_empty()
    # The heights of the first column's bars are proportional to the tokens.
    charts = page.locator(".chart")
    context = charts.filter(has_text="Context by turn")
    items = {item["id"]: item for item in gemtap.api("interactions?limit=200")["items"]}
    sent = [items[id_]["tokens"]["input"] for id_ in (*ids, retry)]
    heights = dict.fromkeys(range(len(sent)), 0)
    for path in context.locator("svg path").all():
        for x, height in re.findall(r"M(\d+) \d+h8v(\d+)h-8z", path.get_attribute("d") or ""):
            heights[int(x) // 10] += int(height)
    assert list(heights.values()) == pytest.approx([1000 * each / max(sent) for each in sent], abs=1.5)
    # The value of the column below the pointer is said above each chart, and a click leads to its turn.
    expect(context.locator("output")).to_contain_text("up to")
    box = context.locator("svg").bounding_box()
    assert box is not None
    slots = int(page.locator(".charts").get_attribute("data-slots") or 0)
    second = box["x"] + box["width"] * 1.5 / slots, box["y"] + box["height"] / 2
    page.mouse.move(*second)
    expect(context.locator("output")).to_have_text(f"turn 2: {count(sent[1])} tokens")
    expect(charts.filter(has_text="Time by turn").locator("output")).to_contain_text("turn 2: ")
    page.mouse.click(*second)
    page.wait_for_url(f"**#turn-{ids[1]}")
    page.mouse.move(0, 0)
    expect(context.locator("output")).to_contain_text("up to")
    page.locator(f"#turn-{ids[1]} h2 a").click()
    page.wait_for_url(f"**/interactions/{ids[1]}")


def test_long_turns_load_when_they_are_seen(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """Long turns load when they are scrolled into view."""
    ids = a_thread(gemtap, "The long thread.", 6, long=LONG)
    thread = gemtap.interaction(ids[0])["thread"]["id"]
    page = visitor.open(f"/threads/{thread}")
    last = page.locator(f"#turn-{ids[-1]}")
    expect(last).to_contain_text("Question 6 of The long thread.")
    before = len([url for url in visitor.fetched if "/added" in url])
    last.scroll_into_view_if_needed()
    expect(last.locator(".message.model")).not_to_be_empty()
    assert len([url for url in visitor.fetched if "/added" in url]) >= max(before, 1)
    last.get_by_role("link", name="more characters").click()
    page.wait_for_function("id => document.getElementById(id).innerText.length > 150000", arg=f"turn-{ids[-1]}")


def test_turns_of_a_very_long_thread_load_when_they_are_wanted(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The turn of an address is shown and stays where it is; new turns join their group."""
    ids = a_thread(gemtap, "The very long thread.", 43)
    thread = gemtap.interaction(ids[0])["thread"]["id"]
    page = visitor.open(f"/threads/{thread}#turn-{ids[42]}")
    last = page.locator(f"#turn-{ids[42]}")
    expect(last.locator(".message.user").last).to_contain_text("Question 43 of")
    expect(page.locator(f"#turn-{ids[42]}:target")).to_be_in_viewport()
    expect(page.locator("#turn-" + ids[0])).to_have_count(1)
    # The outline has the turns of a group that is loaded.
    expect(page.locator(".outline a", has_text="Question 43 of")).to_have_count(1)
    page.evaluate("window.mark = 'the same page'")
    new = a_thread_goes_on(gemtap, ids[42], "The very last question.")
    expect(page.locator(f"#turn-{new} .message.user")).to_contain_text("The very last question.")
    expect(page.locator(".outline a", has_text="The very last question.")).to_have_count(1)
    page.locator(".outline a", has_text="Question 5 of").click()
    expect(page.locator(f"#turn-{ids[4]} .message.user").last).to_be_in_viewport()
    if page.locator(".group.later").count():
        page.locator(".outline a", has_text="Turns 21 to 40").click()
    expect(page.locator(f"#turn-{ids[20]} .message.user").last).to_contain_text("Question 21 of")
    expect(page.locator(".turn")).to_have_count(44)
    order = page.locator(".turn").evaluate_all("turns => turns.map(turn => turn.id.slice(5))")
    assert order == [*ids, new]
    assert page.evaluate("window.mark") == "the same page"


def test_a_new_turn_arrives_by_itself(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """A new turn appears without a reload."""
    (first,) = a_thread(gemtap, "The thread that goes on.", 1)
    page = visitor.open(f"/threads/{first}")
    expect(page.locator(".turn")).to_have_count(1)
    page.evaluate("window.mark = 'the same page'")
    second = a_thread_goes_on(gemtap, first, "Go on, then.")
    expect(page.locator(f"#turn-{second} .message.user")).to_contain_text("Go on, then.")
    expect(page.locator(".figures dd").first).to_have_text("2")
    expect(page.locator("nav.outline")).to_have_count(0)
    a_thread_goes_on(gemtap, second, "And on.")
    a_thread_goes_on(gemtap, gemtap.api("interactions?limit=1")["items"][0]["id"], "And to the end.")
    # The outline appears with the fourth turn.
    expect(page.locator("nav.outline a")).to_have_count(4)
    assert page.evaluate("window.mark") == "the same page"


def test_a_thread_is_live_while_its_request_runs(chromium: Browser, slow_api: SimulatedApi, tmp_path: Path) -> None:
    """Its row says `live` from the beginning of the request to its end, without a reload; another thread's does not."""
    gemtap = RunningGemtap(tmp_path, slow_api.origin)
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    history = [said("user", {"text": "How do tides work?"})]
    first = recorded(gemtap, "", contents=history)
    other = recorded(gemtap, "Something else.")
    answer = gemtap.interaction(first)["response"]["body"]["candidates"][0]["content"]["parts"]
    history += [
        said("model", *[part for part in answer if not part.get("thought")]),
        said("user", {"text": "Step by step, please."}),
    ]
    asking = threading.Thread(target=ask, args=(gemtap, ""), kwargs={"contents": history})
    try:
        page = visitor.open("/threads")
        state = page.locator(f"#row-{first} .state")
        expect(state).not_to_have_text("live")
        asking.start()
        expect(state).to_have_text("live")
        expect(page.locator(f"#row-{other} .state")).not_to_have_text("live")
        asking.join()
        expect(state).not_to_have_text("live")
        expect(page.locator(f"#row-{first} .c-number")).to_contain_text("2")
        assert visitor.complaints == []
    finally:
        if asking.ident is not None:
            asking.join()
        visitor.context.close()
        gemtap.close()


def test_what_the_client_changed_between_two_turns(visitor: Visitor, gemtap: RunningGemtap) -> None:
    """The comparison shows changes of system instruction, tools, settings and messages."""
    tool = {"name": "read_file", "description": "Reads a file."}
    contents = [
        said("user", {"text": "Summarise all of the files for me, please."}),
        said("model", {"functionCall": {"name": "read_file", "args": {"path": "a.txt"}}}),
        said("user", {"functionResponse": {"name": "read_file", "response": {"output": "one\ntwo\nthree\nfour"}}}),
        said("model", {"text": "They are four lines."}),
        said("user", {"text": "And what do you make of them, all in all?"}),
    ]
    first = recorded(
        gemtap, "", contents=contents, systemInstruction={"parts": [{"text": "Be brief.\nBe kind."}]},
        tools=[{"functionDeclarations": [tool]}],
    )  # fmt: skip
    answer = gemtap.interaction(first)["response"]["body"]["candidates"][0]["content"]["parts"]
    shorter = said("user", {"functionResponse": {"name": "read_file", "response": {"output": "one\n[cut]\nfour"}}})
    second = recorded(
        gemtap, "",
        contents=[*contents[:2], shorter, *contents[3:], said("model", *answer), said("user", {"text": "Go on."})],
        systemInstruction={"parts": [{"text": "Be brief.\nBe honest."}]},
        tools=[{"functionDeclarations": [{**tool, "description": "Reads any file."}]}],
        generationConfig={"temperature": 0.5},
    )  # fmt: skip
    page = visitor.open(f"/interactions/{second}")
    page.get_by_role("link", name="what changed").click()
    page.wait_for_url("**/changes")
    expect(page.get_by_text("The client changed earlier context")).to_be_visible()
    removed = page.locator(".diff .removed").all_inner_texts()
    added = page.locator(".diff .added:visible").all_inner_texts()
    assert any("Be kind." in line for line in removed)
    assert any("Be honest." in line for line in added)
    assert any("three" in line for line in removed)
    assert any("[cut]" in line for line in added)
    assert any("Reads any file." in line for line in added)
    expect(page.locator(".change", has_text="temperature")).to_contain_text("0.5")
    expect(page.locator(".kept").first).to_contain_text("2 messages as before")
    mark = page.locator(".diff mark", has_text="honest")
    expect(mark).to_be_visible()
    page.get_by_text("Message 7, user").click()
    expect(page.get_by_text("Go on.", exact=False)).to_be_visible()
    page.get_by_role("link", name="Show the thread").click()
    page.wait_for_url(f"**#turn-{second}")


def test_a_turn_with_many_figures_fits_a_phone(chromium: Browser, gemtap: RunningGemtap) -> None:
    """Its header has several lines then."""
    (id_,) = a_thread(gemtap, "A turn on a phone.", 1)
    origin = f"http://localhost:{gemtap.dashboard_port}"
    visitor = visit(chromium, origin, viewport={"width": 390, "height": 860})
    page = visitor.open(f"/threads/{gemtap.interaction(id_)['thread']['id']}")
    figures = "1 051 651 in (547 123 cached) (458 104 written to the cache), 75 075 out"
    page.locator(".turn > header .number").first.evaluate("(each, text) => { each.textContent = text; }", figures)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visitor.context.close()
