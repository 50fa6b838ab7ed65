"""`gemtap tag`, `gemtap rate` and `gemtap note`."""

from __future__ import annotations

import json

import pytest

from gemtap.cli.app import Failed
from gemtap.settings import SettingsError
from tests.records import make_record
from tests.unit.cli.conftest import invoke, keep, shown

NOBODY = "0123456789abcdef01234567"


def test_tags_are_added_taken_away_and_cleared() -> None:
    """Tags are added, removed and cleared."""
    (id_,) = keep(make_record(tags=["physics"]))
    assert json.loads(shown("tag", id_, "a", "b c", "--json"))["tags"] == ["physics", "a", "b c"]
    assert json.loads(shown("tag", id_, "a", "physics", "--remove", "--json"))["tags"] == ["b c"]
    assert json.loads(shown("tag", id_, "new", "--clear", "--json"))["tags"] == ["new"]
    assert shown("tag", id_).splitlines()[0] == "tags    new"
    assert json.loads(shown("show", id_, "--json"))["tags"] == ["new"]


def test_a_rating_and_a_note_are_set_and_taken_away() -> None:
    """A rating and a note are set and removed."""
    (id_,) = keep(make_record(tags=[]))
    shown("rate", id_, "good")
    assert shown("note", id_, "so \x1b[2J so") == "tags    –\nrating  good\nnote    so ␛[2J so\n"
    shown("rate", id_, "none")
    assert json.loads(shown("note", id_, "", "--json")) == {"id": id_, "tags": [], "rating": None, "note": None}


def test_the_ratings_are_named() -> None:
    """With the word that removes a rating on the command line."""
    (id_,) = keep(make_record())
    error = invoke("rate", id_, "goood").exception
    assert str(error) == "Bad RATING: 'goood' is not one of good, bad, none. Did you mean good?"


@pytest.mark.parametrize("arguments", [("rate", "fine"), ("tag", "a,b"), ("note", "x" * 10_001)])
def test_what_cannot_be_kept_is_refused(arguments: tuple[str, str]) -> None:
    """Invalid annotations are rejected."""
    (id_,) = keep(make_record(tags=[]))
    command, given = arguments
    assert isinstance(invoke(command, id_, given).exception, SettingsError)


@pytest.mark.parametrize("id_", [NOBODY, "zzz"])
@pytest.mark.parametrize("arguments", [("rate", "good"), ("tag", "a"), ("note", "x")])
def test_of_an_interaction_that_is_not_there(id_: str, arguments: tuple[str, str]) -> None:
    """An unknown id is an error."""
    keep(make_record())
    command, given = arguments
    error = invoke(command, id_, given).exception
    assert isinstance(error, Failed)
    assert id_ in str(error)
