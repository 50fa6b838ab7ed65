"""`gemtap keys`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gemtap.access.keys import digest_of
from gemtap.cli.app import Failed
from gemtap.settings import SettingsError
from tests.unit.cli.conftest import invoke, shown, with_store

KEY = re.compile(r"gt_[A-Za-z0-9_-]{43}\n")


def test_a_key_is_made_listed_rotated_and_revoked() -> None:
    """Keys are printed once; lists and events have names only."""
    assert "no access keys" in shown("keys", "ls")
    first = shown("keys", "add", "ana", "--role", "admin", "--expires", "90d")
    assert KEY.fullmatch(first)
    second = shown("keys", "rotate", "ana")
    assert KEY.fullmatch(second)
    listed = json.loads(shown("keys", "ls", "--json"))
    (row,) = listed["keys"]
    assert (row["name"], row["role"], row["expires"], row["expired"]) == ("ana", "admin", None, False)
    assert listed["access_control"] is True
    assert digest_of(second.strip().encode()) in Path("data/access.json").read_text()
    assert "ana" in shown("keys", "ls")
    shown("keys", "revoke", "ana")
    assert "nobody has access" in shown("keys", "ls")
    shown("keys", "off", "--yes")
    assert "no access keys" in shown("keys", "ls")
    events = with_store("sqlite:///data/gemtap.db", lambda store: store.incidents.newest(limit=9))
    assert {each["kind"] for each in events} == {"access_changed"}
    assert len(events) == 4
    assert "gt_" not in str(events)


@pytest.mark.parametrize("arguments", [("add", "all"), ("rotate", "nobody"), ("revoke", "nobody")])
def test_what_cannot_be_done(arguments: tuple[str, str]) -> None:
    """Errors say what to do."""
    assert isinstance(invoke("keys", *arguments).exception, Failed)


def test_the_name_for_everybody_is_kept_for_limits() -> None:
    """The error does not list characters, all of which the name has."""
    assert str(invoke("keys", "add", "All").exception) == (
        "'All' cannot be a user's name: `gemtap limits set all` is for everybody."
    )


def test_an_age_that_is_none() -> None:
    """The flag is named."""
    error = invoke("keys", "add", "ana", "--expires", "soon").exception
    assert isinstance(error, SettingsError)
    assert "--expires" in str(error)
