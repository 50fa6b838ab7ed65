"""Values of the wrong shape count as empty."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.json_access import BadValue, as_dict, as_list, as_text, count, fault_of, overlay, read_json


def test_values_of_the_right_shape_are_themselves() -> None:
    """Values of the expected type are returned."""
    assert as_dict({"a": 1}) == {"a": 1}
    assert as_list([1]) == [1]
    assert as_text("a") == "a"
    assert (count(0), count(7)) == (0, 7)


@pytest.mark.parametrize("value", [None, True, 1.0, -1, 2**63, "", b"x"])
def test_values_of_other_shapes_are_empty(value: Any) -> None:
    """Values of other types become empty."""
    assert as_dict(value) == {}
    assert as_list(value) == []
    assert as_text(value) is None
    assert count(value) is None


def test_the_last_value_wins_but_null_says_nothing() -> None:
    """The last value that is not null is returned."""
    target = {"a": 1, "b": 2, "c": None}
    overlay(target, {"a": 3, "b": None, "c": None, "d": None})
    assert target == {"a": 3, "b": 2, "c": None, "d": None}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'"x\xffy"', "x\ufffdy"),
        (b"", None),
        (b"{", None),
        (b"[" * 100_000, None),
        (b"1" * 5_000, None),
    ],
)
def test_json_is_read_where_it_can_be(raw: bytes, value: Any) -> None:
    """Valid JSON is parsed, other text is None."""
    assert read_json(raw) == value


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (BadValue("bytes in it are not in base64"), "bytes in it are not in base64"),
        (KeyError("request"), "it has no request"),
        (KeyError("a secret, not a name"), "something that it should have is missing"),
        (TypeError("secret"), "a value in it has another type than it should have"),
        (AttributeError("secret"), "a value in it has another type than it should have"),
        (ValueError("secret"), "a value in it is not of the form that it should have"),
        (RecursionError("secret"), "it is nested too deeply"),
    ],
)
def test_a_fault_is_told_in_words_without_the_content(fault: Exception, words: str) -> None:
    """The content may be a secret, and the name of an exception says nothing to a person."""
    assert fault_of(fault) == words
