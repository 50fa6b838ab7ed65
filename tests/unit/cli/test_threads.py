"""`gemtap threads`: a list of conversations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from bson import ObjectId

from gemtap.settings import SettingsError
from gemtap.stores.base import Record
from tests.records import NOON, make_record
from tests.unit.cli.conftest import invoke, keep, shown, with_store
from tests.unit.dashboard.conftest import site_over

HOSTILE = "\x1b]0;owned\x07\u202e\r[bold]markup[/bold]"


def turn(thread: ObjectId, number: int, **fields: Any) -> Record:
    place = {"id": thread, "turn": number, "parent": None, "new_messages": 1}
    return make_record(timestamp=NOON + timedelta(seconds=number), thread=place, **fields)


def lines(*arguments: str) -> list[list[str]]:
    return [line.split() for line in shown("threads", *arguments).splitlines()]


def test_each_is_a_line_with_what_it_came_to() -> None:
    """The list has one line per thread with its sums."""
    short, long = ObjectId(), ObjectId()
    priced = {"usd": 1.5, "source": "test"}
    keep(*(turn(long, number, cost=priced) for number in (1, 2, 3)), turn(short, 9, cost=None))
    head, first, second = lines()
    assert head[:6] == ["thread", "last", "(UTC)", "requests", "tokens", "cost"]
    assert first[:6] == [str(short), "2026-03-14", "12:00:09", "1", "9", "?"]
    assert second[:6] == [str(long), "2026-03-14", "12:00:03", "3", "27", "$4.50"]
    assert [line[0] for line in lines("--sort", "turns")[1:]] == [str(long), str(short)]
    assert len(lines("status:500")) == 1


def test_each_says_how_its_last_turn_ended() -> None:
    """The column of states has the words of the dashboard, and nothing for threads that ended well."""
    endings: tuple[dict[str, Any], ...] = (
        {"finish_reason": "SAFETY"},
        {"finish_reason": "MAX_TOKENS"},
        {"error": {"message": "overloaded", "details": None}},
        {"tool_use": {"calls": [{"name": "search", "times": 1}], "results": []}},
        {},
    )
    keep(*(turn(ObjectId(), number, **fields) for number, fields in enumerate(endings)))
    head, *rows = shown("threads").splitlines()
    place = head.index("state")
    words = [row[place:].split("  ")[0] for row in reversed(rows)]
    assert words == ["blocked", "truncated", "failed", "waiting for a tool", ""]


def test_a_query_selects_and_a_page_goes_on_where_the_one_before_ended() -> None:
    """Queries and cursors select threads."""
    threads = [ObjectId() for _ in range(5)]
    keep(*(turn(thread, number, model=f"m{number % 2}") for number, thread in enumerate(threads)))
    assert [line[0] for line in lines("model:m1")[1:]] == [str(threads[3]), str(threads[1])]
    first = json.loads(shown("threads", "-n", "2", "--json"))
    second = json.loads(shown("threads", "-n", "2", "--json", "--cursor", first["next"]))
    found = [item["id"] for page in (first, second) for item in page["items"]]
    assert found == [str(thread) for thread in threads[:0:-1]]
    assert f"--cursor {first['next']}" in shown("threads", "-n", "2")


def test_json_is_that_of_the_api(folder: Any) -> None:
    """The JSON output equals that of the API."""
    keep(turn(ObjectId(), 1), turn(ObjectId(), 2))

    async def ask(store: Any) -> Any:
        async with site_over(store, folder) as site:
            return await site.api("threads?sort=tokens")

    assert json.loads(shown("threads", "--sort", "tokens", "--json")) == with_store("sqlite:///data/gemtap.db", ask)


def test_what_was_said_cannot_be_obeyed_by_a_terminal() -> None:
    """Control characters in texts are not sent to the terminal."""
    keep(turn(ObjectId(), 1, preview={"prompt": HOSTILE, "answer": HOSTILE}))
    assert not set("\x1b\x07\r\u202e") & set(shown("threads"))
    assert "[bold]markup[/bold]" in shown("threads")


def test_what_cannot_be_asked_is_said() -> None:
    """Invalid options are errors."""
    keep(turn(ObjectId(), 1))
    for arguments, message in ((["tokens:many"], "Bad query"), (["--cursor", "nonsense"], "The cursor is not valid")):
        result = invoke("threads", *arguments)
        assert isinstance(result.exception, SettingsError)
        assert message in str(result.exception)
