"""Ids on the command line: parts of them, and `last`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.cli.app import Failed
from tests.records import NOON, make_record
from tests.unit.cli.conftest import invoke, keep, shown, with_store

FIRST, SECOND = ObjectId("66f1c0ffee0123456789abcd"), ObjectId("66f1c0ffee0123456789abff")


@pytest.fixture(autouse=True)
def recorded(folder: Path) -> None:
    keep(
        make_record(_id=FIRST, timestamp=NOON),
        make_record(_id=SECOND, timestamp=NOON + timedelta(seconds=1), tags=[]),
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [(str(FIRST), FIRST), ("66f1c0ffee0123456789abc", FIRST), ("89abff", SECOND), ("ABCD", FIRST), ("last", SECOND)],
)
def test_an_interaction_is_named_by_a_part_of_its_id(word: str, expected: ObjectId) -> None:
    """First digits, last digits and `last` name an interaction."""
    assert json.loads(shown("show", word, "--json"))["id"] == str(expected)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("66f1", f"matches more than one interaction: {SECOND}, {FIRST}."),
        ("0000", "There is no interaction 0000."),
        ("no", "is not an id"),
    ],
)
def test_a_part_that_names_none_or_several_is_an_error(word: str, message: str) -> None:
    """Ambiguous and unknown parts are errors that say what to do."""
    error = invoke("show", word).exception
    assert isinstance(error, Failed)
    assert message in str(error)


def test_other_commands_take_parts_too() -> None:
    """Annotations and exports take parts of ids."""
    assert json.loads(shown("tag", "last", "new", "--json")) == {
        "id": str(SECOND),
        "tags": ["new"],
        "rating": None,
        "note": None,
    }
    assert "Why is the sky blue?" in shown("export", "markdown", "abcd")


def test_a_thread_is_named_by_a_part_of_its_id_or_of_a_turn() -> None:
    """Digits that `gemtap threads` shows, digits of any turn, and `last` for the thread of the last interaction."""
    thread, other = ObjectId("66f1c0ffee01234567890001"), ObjectId("76f1c0ffee01234567990001")
    place = {"turn": 1, "parent": None, "new_messages": 1}
    later = ObjectId("66f1c0ffee01234567891111")
    keep(
        make_record(_id=thread, thread={"id": thread, **place}, timestamp=NOON + timedelta(seconds=2)),
        make_record(_id=other, thread={"id": other, **place}, timestamp=NOON + timedelta(seconds=3)),
        make_record(_id=later, thread={"id": thread, **place}, timestamp=NOON + timedelta(seconds=4)),
        make_record(thread=None, _id=ObjectId("66f1c0ffee01234567892222"), timestamp=NOON),
    )
    for word in (str(thread), "890001", "891111", "last", "66f1c0ffee0123456789000"):
        listed = json.loads(shown("ls", "--thread", word, "--json"))["items"]
        assert [item["id"] for item in listed] == [str(later), str(thread)], word
    assert json.loads(shown("ls", "--thread", "890001", "model:other", "--json"))["items"] == []
    for word, message in (
        ("90001", f"matches more than one thread: {thread}, {other}."),
        ("0000", "There is no thread 0000, and no turn of one. `gemtap threads` lists threads."),
        ("892222", "There is no thread 892222, and no turn of one."),
    ):
        error = invoke("ls", "--thread", word).exception
        assert isinstance(error, Failed)
        assert message in str(error)


def test_parts_are_found_in_mongodb(mongod_url: str) -> None:
    """The look-up works in either store."""
    with_store(mongod_url, lambda store: store.put([make_record(_id=FIRST)]))
    assert json.loads(shown("show", "66f1c0", "--json", "--store", mongod_url))["id"] == str(FIRST)
    (found,) = json.loads(shown("ls", "--thread", "89abcd", "--json", "--store", mongod_url))["items"]
    assert found["id"] == str(FIRST)


def test_a_page_opens_in_the_browser(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`open` opens the page of an interaction, and says where the dashboard should be if it is not running."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("GEMTAP_DASHBOARD_PORT", "1")
    error = invoke("open", "last").exception
    assert isinstance(error, Failed)
    assert "gemtap serve" in str(error)
    assert opened == []
    monkeypatch.setattr("gemtap.cli.showing.ask", lambda url: {"status": "ok"})
    assert shown("open", "last").strip() == f"http://127.0.0.1:1/interactions/{SECOND}"
    assert opened == [f"http://127.0.0.1:1/interactions/{SECOND}"]
