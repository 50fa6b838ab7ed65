"""The page of a thread, what one turn added, and what changed between two turns."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.records import NOON, make_record
from tests.unit.dashboard.conftest import Site, id_of
from tests.unit.dashboard.test_pages import HOSTILE, Elements

pytestmark = pytest.mark.anyio

THREAD = ObjectId()


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


async def keep_turn(site: Site, turn: int, parent: str | None, contents: list[dict[str, Any]], **fields: Any) -> str:
    body = {"contents": contents, **fields.pop("request_fields", {})}
    record = make_record(
        request_raw=json.dumps(body).encode(),
        timestamp=NOON + timedelta(seconds=turn),
        thread={"id": THREAD, "turn": turn, "parent": ObjectId(parent) if parent else None, "new_messages": 1},
        **fields,
    )
    await site.store.put([record])
    return id_of(record)


async def a_thread(site: Site) -> tuple[str, str]:
    first = await keep_turn(site, 1, None, [said("user", "First question?")])
    contents = [said("user", "First question?"), said("model", "Rayleigh."), said("user", "Second question?")]
    return first, await keep_turn(site, 2, first, contents)


async def test_a_thread_shows_each_message_once(site: Site) -> None:
    """A thread shows each message once."""
    first, second = await a_thread(site)
    page = Elements(await site.page(f"/threads/{THREAD}"))
    assert page.text.count("Second question?") == 1
    assert page.text.count("First question?") == 2  # in the heading too
    assert page.text.index("First question?") < page.text.index("Second question?")
    assert page.links["Turn 1"] == f"/interactions/{first}"
    assert page.links["Turn 2"] == f"/interactions/{second}"
    assert page.links["what changed"] == f"/interactions/{second}/changes"
    assert page.links["Show as list"] == f"/interactions?thread={THREAD}"


async def test_what_is_long_loads_when_it_is_seen_and_can_be_read_without(site: Site) -> None:
    """Long content loads on demand, and has a link without scripts."""
    first = await keep_turn(site, 1, None, [said("user", "First " + "word " * 90_000)])
    page = Elements(await site.page(f"/threads/{THREAD}"))
    target = page.links["Show turn 1"]
    assert target == f"/interactions/{first}/added"
    added = Elements(await site.page(target))
    assert "First word" in added.text
    assert len(added.text) < 10_000
    assert added.links["its thread"] == f"/threads/{THREAD}#turn-{first}"


async def a_long_thread(site: Site, turns: int) -> list[str]:
    ids: list[str] = []
    for turn in range(1, turns + 1):
        contents = [said("user", f"Question {turn}?")]
        preview = {"prompt": f"Question {turn}?", "answer": "Rayleigh."}
        ids.append(await keep_turn(site, turn, ids[-1] if ids else None, contents, preview=preview))
    return ids


async def test_a_long_thread_shows_its_first_turns_and_leads_to_all(site: Site) -> None:
    """The other turns, and their entries in the outline, are loaded by groups, which can be read without scripts."""
    ids = await a_long_thread(site, 45)
    html = await site.page(f"/threads/{THREAD}")
    page = Elements(html)
    assert page.links["Jump to last turn"] == f"#turn-{ids[-1]}"
    assert page.links["Question 20?"] == f"#turn-{ids[19]}"
    assert page.links["Turns 21 to 40"] == f"#group-{ids[20]}"
    assert f'<li id="turn-{ids[19]}"' in html
    assert f'<li id="turn-{ids[20]}"' not in html
    # Without scripts, the last turn is where its group can be opened.
    assert f'<li id="turn-{ids[-1]}"><a class="seen"' in html
    last = page.links["Show turns 41 to 45"]
    assert last == f"/threads/{THREAD}/turns?at={ids[40]}"
    group = await site.page(last)
    assert [id_ for id_ in ids if f'<li id="turn-{id_}"' in group] == ids[40:]
    assert Elements(group).links["The thread"] == f"/threads/{THREAD}"
    assert "Question 45?" in Elements(group).text
    # Any of its turns names a group.
    assert f'<li id="turn-{ids[20]}"' in await site.page(f"/threads/{THREAD}/turns?at={ids[33]}")
    assert "There is no turn none" in await site.page(f"/threads/{THREAD}/turns?at=none", status=404)
    assert "There is no thread" in await site.page(f"/threads/{ObjectId()}/turns?at={ids[0]}", status=404)


async def test_a_long_history_that_came_with_the_first_turn_is_a_link_away(site: Site) -> None:
    """A long initial history is behind a link."""
    history = [said(role, f"{role} {number}") for number in range(40) for role in ("user", "model")]
    first = await keep_turn(site, 1, None, [*history, said("user", "And now?")])
    page = Elements(await site.page(f"/threads/{THREAD}"))
    assert page.links["42 earlier messages"] == f"/interactions/{first}"
    assert "user 39" in page.text
    assert "And now?" in page.text


async def test_a_thread_that_there_is_not(site: Site) -> None:
    """An unknown thread is not found."""
    assert "There is no thread" in await site.page("/threads/nothing", status=404)
    assert "There is no thread" in await site.page(f"/threads/{ObjectId()}", status=404)


async def test_what_changed_since_the_turn_before(site: Site) -> None:
    """Changes since the previous turn are shown."""
    first, second = await a_thread(site)
    page = Elements(await site.page(f"/interactions/{second}/changes"))
    assert "only added messages" in page.text
    assert "2 messages as before" in page.text
    assert "Message 3, user" in page.text
    contents = [said("user", "First question, but shorter."), said("model", "Rayleigh."), said("user", "Third.")]
    instruction = {"systemInstruction": {"parts": [{"text": "Be brief."}]}}
    third = await keep_turn(site, 3, second, contents, request_fields=instruction, model="gemini-2.5-flash")
    page = Elements(await site.page(f"/interactions/{third}/changes?since={first}"))
    assert "The client changed earlier context" in page.text
    for shown in ("First question, but shorter.", "First question?", "Be brief.", "gemini-2.5-flash"):
        assert shown in page.text
    assert "mark" in page.tags


async def test_there_is_nothing_to_compare_a_first_turn_with(site: Site) -> None:
    """A first turn has nothing to compare with."""
    first, _ = await a_thread(site)
    assert "no earlier turn" in await site.page(f"/interactions/{first}/changes", status=404)
    assert "There is no interaction" in await site.page(f"/interactions/{first}/changes?since={ObjectId()}", status=404)


async def test_hostile_turns_do_nothing(site: Site) -> None:
    """Hostile turns are escaped."""
    first = await keep_turn(site, 1, None, [said("user", HOSTILE)], preview={"prompt": HOSTILE, "answer": HOSTILE})
    instruction = {"systemInstruction": {"parts": [{"text": HOSTILE}]}}
    changed = [said("user", HOSTILE * 2), said("model", HOSTILE), said("user", HOSTILE)]
    second = await keep_turn(site, 2, first, changed, request_fields=instruction, model=HOSTILE)
    for path in (f"/threads/{THREAD}", f"/interactions/{second}/changes", f"/interactions/{second}/added"):
        html = await site.page(path)
        page = Elements(html)
        assert None not in page.scripts
        assert "img" not in page.tags
        assert not {name for name in page.attributes if name.startswith("on")}
        assert "\u202e" not in html
        assert "\x1b" not in html


async def test_the_home_page_lists_conversations_by_what_a_person_said(site: Site) -> None:
    """A thread whose recording began with the result of a tool is titled by the first text in its request."""
    contents = [
        said("user", "Rename Customer to Account."),
        {"role": "model", "parts": [{"functionCall": {"name": "search", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "search", "response": {"output": "3 files"}}}]},
    ]
    preview = {"prompt": "⟵ search", "answer": "Done."}
    place = {"id": THREAD, "turn": 1, "parent": None, "new_messages": 1}
    raw = json.dumps({"contents": contents}).encode()
    await site.keep(_id=THREAD, request_raw=raw, preview=preview, thread=place)
    for path in ("/", "/threads", "/threads/rows"):
        page = await site.page(path)
        assert "Rename Customer to Account." in page
        assert "⟵ search" not in page
    assert "<h1>Thread" in await site.page(f"/threads/{THREAD}")
    assert "Rename Customer to Account.</span></h1>" in await site.page(f"/threads/{THREAD}")


async def test_a_thread_says_how_it_stands(site: Site) -> None:
    """Failed, blocked and truncated threads, and those that wait for the result of a tool, say so."""
    place = {"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1}
    await site.keep(thread=place, error={"message": "broken", "details": None})
    await site.keep(
        thread={**place, "id": ObjectId()}, tool_use={"calls": [{"name": "search", "times": 1}], "results": []}
    )
    await site.keep(thread={**place, "id": ObjectId()}, finish_reason="SAFETY")
    await site.keep(thread={**place, "id": ObjectId()}, finish_reason="MAX_TOKENS")
    page = await site.page("/")
    assert 'class="state failed">failed<' in page
    assert 'class="state blocked">blocked<' in page
    assert 'class="state truncated">truncated<' in page
    assert "waiting for a tool" in page
    assert page.count("1 failed<") == 1


async def test_failed_attempts_are_no_turns(site: Site) -> None:
    """The count of turns is the number of the last one; failed attempts are counted apart."""
    first, _ = await a_thread(site)
    contents = [said("user", "First question?"), said("model", "Rayleigh."), said("user", "Second question?")]
    failed = {"error": {"message": "overloaded", "details": None}, "response": {"status": 503}}
    await keep_turn(site, 2, first, contents, **failed)
    page = Elements(await site.page(f"/threads/{THREAD}"))
    assert "failed attempt" in page.text
    assert re.search(r"Turns\s*2\s*and 1 failed attempt\s", page.text)


async def test_the_page_of_changes_says_why_the_cache_missed(site: Site) -> None:
    """The first part that changed is named, with the place and the tokens that were billed again."""
    used = {**make_record().document["tokens"], "input": 9_000, "cached": 8_000}
    given = {"request_fields": {"systemInstruction": {"parts": [{"text": "Today is Monday."}]}}, "tokens": used}
    first = await keep_turn(site, 1, None, [said("user", "First question?")], **given)
    contents = [said("user", "First question?"), said("model", "Rayleigh."), said("user", "Second question?")]
    given = {"request_fields": {"systemInstruction": {"parts": [{"text": "Today is Sunday."}]}}}
    second = await keep_turn(site, 2, first, contents, **given, tokens={**used, "cached": None})
    page = Elements(await site.page(f"/interactions/{second}/changes"))
    text = " ".join(page.text.split())
    assert "Why nothing came from the cache: the system instruction changed." in text
    assert "The first difference is in System instruction, at character 10." in text
    assert (
        "9\N{NARROW NO-BREAK SPACE}000 input tokens were billed in full again, which cost about $0.010 more"
        in page.text
    )
    third = await keep_turn(site, 3, second, contents, tokens={**used, "cached": 8_000})
    assert "Why nothing came" not in await site.page(f"/interactions/{third}/changes")
