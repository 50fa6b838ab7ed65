"""`gemtap searches`, and `gemtap ls --saved`."""

from __future__ import annotations

import json

from gemtap.cli.app import Failed
from gemtap.settings import SettingsError
from tests.records import make_record
from tests.unit.cli.conftest import invoke, keep, shown


def test_a_search_is_saved_used_renamed_and_deleted() -> None:
    """A saved search selects interactions by its name, alone and with further conditions."""
    wanted, other = keep(make_record(model="m1"), make_record(model="m2"))
    assert "No saved searches" in shown("searches")
    assert shown("searches", "save", "first", "model:m1") == ""
    assert shown("searches", "save", "new ones", "model:m2", "error:no") == ""
    assert shown("searches").split() == ["name", "query", "first", "model:m1", "new", "ones", "model:m2", "error:no"]
    assert [each["name"] for each in json.loads(shown("searches", "--json"))["items"]] == ["first", "new ones"]
    assert [each["id"] for each in json.loads(shown("ls", "--saved", "first", "--json"))["items"]] == [wanted]
    assert [each["id"] for each in json.loads(shown("ls", "--saved", "new ones", "--json"))["items"]] == [other]
    assert json.loads(shown("ls", "--saved", "first", "--json", "model:m2"))["items"] == []
    assert shown("searches", "rename", "first", "second") == ""
    assert shown("searches", "delete", "new ones") == ""
    assert shown("searches").split() == ["name", "query", "second", "model:m1"]


def test_a_search_may_begin_with_a_negated_condition() -> None:
    """A condition with a minus is no option, and a word with one is none after `--`."""
    keep(make_record())
    assert shown("searches", "save", "others", "-model:m2") == ""
    assert shown("searches", "save", "words", "--", "-timeout", "model:m1") == ""
    found = json.loads(shown("searches", "--json"))["items"]
    assert {each["name"]: each["query"] for each in found} == {"others": "-model:m2", "words": "-timeout model:m1"}


def test_errors_say_what_to_do() -> None:
    """Names that are taken or unknown, and invalid queries, are refused with a reason."""
    keep(make_record())
    shown("searches", "save", "first", "model:m1")
    taken = invoke("searches", "save", "first", "model:m2").exception
    assert isinstance(taken, SettingsError)
    assert str(taken) == "There is a saved search 'first' already. Choose another name. --replace replaces it."
    assert shown("searches", "save", "--replace", "first", "model:m2") == ""
    faulty = invoke("searches", "save", "second", "colour:red").exception
    assert isinstance(faulty, SettingsError)
    assert "Unknown field 'colour'" in str(faulty)
    for command in (("ls", "--saved", "frist"), ("searches", "delete", "frist"), ("searches", "rename", "frist", "x")):
        unknown = invoke(*command).exception
        assert isinstance(unknown, Failed)
        assert "Did you mean 'first'?" in str(unknown)
