"""`gemtap copy`, beyond what the contract of the stores says of it."""

from __future__ import annotations

import json

import pytest

from gemtap.cli.app import Failed
from gemtap.settings import SettingsError
from tests.records import make_record
from tests.unit.cli.conftest import invoke, keep, shown


def test_a_copy_lists_the_same() -> None:
    """A copied store lists the same interactions."""
    keep(make_record(), make_record())
    assert shown("copy", "--to", "sqlite:///copy.db") == "2 interactions copied.\n"
    assert shown("ls", "--json") == shown("ls", "--json", "--store", "sqlite:///copy.db")
    keep(make_record())
    done = json.loads(shown("copy", "--to", "sqlite:///copy.db", "--json"))
    assert done == {"copied": 1, "present": 2, "incidents": 0, "rejected": {}}


@pytest.mark.parametrize("url", ["sqlite:///data/gemtap.db", "postgres://x/y", "sqlite:///"])
def test_where_it_cannot_go(url: str) -> None:
    """Invalid targets are rejected."""
    keep(make_record())
    error = invoke("copy", "--to", url, "--store", "sqlite:///data/gemtap.db").exception
    assert isinstance(error, SettingsError)
    assert "--to" in str(error)


def test_a_target_that_is_away() -> None:
    """An unreachable target is an error."""
    keep(make_record())
    error = invoke("copy", "--to", "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=200").exception
    assert isinstance(error, Failed)
    assert "does not answer" in str(error)
