"""`gemtap limits`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gemtap.cli.app import Failed
from gemtap.settings import SettingsError
from tests.unit.cli.conftest import invoke, shown, with_store


def test_limits_are_set_listed_and_removed() -> None:
    """A limit of the same measure and window replaces the one before; `unset` removes all, or some."""
    assert "no limits" in shown("limits", "ls")
    shown("keys", "add", "Ana")
    shown("limits", "set", "ana", "--requests", "60/minute", "--cost", "10usd/day", "--cost", "100usd/month")
    shown("limits", "set", "ana", "--cost", "12.5usd/day")
    shown("limits", "set", "model:gemini-*", "--concurrent", "8", "--tokens", "5M/day")
    listed = json.loads(shown("limits", "ls", "--json"))["limits"]
    assert [(row["subject"], row["measure"], row["limit"], row["used"], row["percent"]) for row in listed] == [
        ("ana", "cost", "12.50usd/day", 0, 0.0),
        ("ana", "cost", "100usd/month", 0, 0.0),
        ("ana", "requests", "60/minute", 0, 0.0),
        ("model:gemini-*", "concurrent", "8", 0, 0.0),
        ("model:gemini-*", "tokens", "5M/day", 0, 0.0),
    ]
    assert listed[0]["ends"].endswith("T00:00:00.000Z")
    assert listed[3]["ends"] is None
    table = shown("limits", "ls")
    assert "$0.00 of $12.50" in table
    assert "model:gemini-*" in table
    shown("limits", "unset", "ana", "--measure", "cost", "--per", "day")
    shown("limits", "unset", "model:gemini-*")
    left = json.loads(shown("limits", "ls", "--json"))["limits"]
    assert [row["limit"] for row in left] == ["100usd/month", "60/minute"]
    shown("limits", "unset", "ana")
    assert "no limits" in shown("limits", "ls")
    events = with_store("sqlite:///data/gemtap.db", lambda store: store.incidents.newest(limit=9))
    assert {each["kind"] for each in events} == {"access_changed", "limits_changed"}
    assert "Limits set for ana: cost 12.5usd/day, on the command line." in {each["message"] for each in events}


def test_a_user_without_an_access_key_is_told_of() -> None:
    """The limit may be set before the key is made; until then nothing counts in it."""
    says = "There is no access key for Bob, so these limits apply to no request yet."
    assert says in shown("limits", "set", "Bob", "--requests", "60/minute")
    assert says in shown("limits", "ls")
    json.loads(shown("limits", "ls", "--json"))
    shown("keys", "add", "bob")
    assert "access key" not in shown("limits", "ls")


_connected: list[object] = []
"""The databases that were connected to in this process, in order."""

# A hook stays until the process ends.
sys.addaudithook(lambda event, arguments: _connected.append(arguments[0]) if event == "sqlite3.connect" else None)


def connections(*arguments: str) -> int:
    """How many connections to databases a command opens."""
    before = len(_connected)
    shown(*arguments)
    return len(_connected) - before


def test_the_keys_of_users_are_looked_up_without_opening_the_store_again() -> None:
    """Limits for a user take as many connections as those for all, for which no key is looked up."""
    shown("limits", "ls")
    for_all = connections("limits", "set", "all", "--concurrent", "8"), connections("limits", "ls")
    for_a_user = connections("limits", "set", "ana", "--concurrent", "8"), connections("limits", "ls")
    assert for_a_user == for_all
    assert min(for_all) > 0


def test_a_user_may_be_named_as_in_queries() -> None:
    """`user:ana` is `ana`."""
    shown("limits", "set", "user:ana", "--requests", "60/minute")
    shown("limits", "unset", "ana")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set", "user:all", "--cost", "10usd/day"), "'all' is no user's name"),
        (("set", "ana"), "Give a limit"),
        (("set", "ana", "--cost", "10/day"), "Bad flag --cost: '10/day' is no amount of US dollars: it must be like"),
        (("set", "ana", "--concurrent", "1.5"), "'1.5' is no amount of concurrent requests: it must be like 8."),
        (("set", "ana", "--requests", "60/fortnight"), "--requests"),
        (("set", "colour:red", "--concurrent", "1"), "model:PATTERN"),
        (
            ("unset", "ana", "--measure", "costs"),
            "Bad flag --measure: 'costs' is not one of requests, concurrent, tokens, cost. Did you mean cost?",
        ),
        (
            ("unset", "ana", "--per", "year"),
            "Bad flag --per: 'year' is not one of second, minute, hour, day, month.",
        ),
    ],
)
def test_a_bad_flag_is_named(arguments: tuple[str, ...], says: str) -> None:
    """Nothing is changed, and the error says what is expected."""
    error = invoke("limits", *arguments).exception
    assert isinstance(error, SettingsError)
    assert says in str(error)
    assert not Path("data/limits.json").exists()


def test_removing_what_is_not_there_says_what_is() -> None:
    """The error lists what has limits."""
    shown("limits", "set", "all", "--concurrent", "8")
    error = invoke("limits", "unset", "ana").exception
    assert isinstance(error, Failed)
    assert "There are limits for: all" in str(error)


def test_damaged_limits_are_an_error() -> None:
    """The message names the file, and what to do."""
    shown("limits", "set", "all", "--concurrent", "8")
    Path("data/limits.json").write_text("{}")
    error = invoke("limits", "ls").exception
    assert isinstance(error, Failed)
    assert "data/limits.json is damaged" in str(error)
