"""Function calls that arrive in pieces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dialects.gemini_content.partial_calls import OpenCall, parse_path
from tests.unit.providers.exchanges import json_values


def piece(*partials: tuple[str, str, Any], go_on: bool = True, **fields: Any) -> dict[str, Any]:
    """A part with a piece of a call: JSONPath, kind of value and value of each argument."""
    arguments = [{"jsonPath": path, kind: value} for path, kind, value in partials]
    return {"functionCall": {**fields, "partialArgs": arguments, **({"willContinue": True} if go_on else {})}}


def put_together(first: dict[str, Any], *others: dict[str, Any]) -> Any:
    call = OpenCall(first)
    for other in others:
        assert call.continues_with(other)
        call.add(other)
    call.finish()
    return call.part["functionCall"]


def test_values_of_every_kind_find_their_places() -> None:
    """Values of every type are set at their JSON path."""
    got = put_together(
        piece(name="plan"),
        piece(("$.title", "stringValue", "Trip"), ("$.days", "numberValue", 3)),
        piece(("$.flexible", "boolValue", False), ("$.budget", "nullValue", "NULL_VALUE")),
        piece(("$.stops[0].city", "stringValue", "Boston"), ("$.stops[1].city", "stringValue", "Lynn")),
        piece(("$['place name']", "stringValue", "x"), ('$["it\'s"].ok', "boolValue", True)),
        {"functionCall": {}},
    )
    assert got == {
        "name": "plan",
        "args": {
            "title": "Trip",
            "days": 3,
            "flexible": False,
            "budget": None,
            "stops": [{"city": "Boston"}, {"city": "Lynn"}],
            "place name": "x",
            "it's": {"ok": True},
        },
    }


def test_strings_of_the_same_path_are_joined_even_where_other_paths_come_between() -> None:
    """Pieces of a string are joined, also across other paths."""
    got = put_together(
        piece(("$.a", "stringValue", "Ray"), ("$.b", "stringValue", "1"), name="f"),
        piece(("$.a", "stringValue", "leigh")),
        piece(("$.a", "stringValue", ""), ("$.b", "stringValue", "2"), go_on=False),
    )
    assert got == {"name": "f", "args": {"a": "Rayleigh", "b": "12"}}


def test_a_value_of_another_kind_takes_the_place_of_a_string() -> None:
    """A value of another type replaces a string."""
    got = put_together(
        piece(("$.a", "stringValue", "x"), name="f"),
        piece(("$.a", "numberValue", 1), ("$.b", "stringValue", "y"), go_on=False),
    )
    assert got["args"] == {"a": 1, "b": "y"}


def test_whole_arguments_may_come_in_pieces_too() -> None:
    """Complete arguments in several parts are merged."""
    got = put_together(
        {"functionCall": {"name": "f", "args": {"a": 1}, "willContinue": True}},
        {"functionCall": {"args": {"b": 2}, "willContinue": True}},
        piece(("$.c", "numberValue", 3), go_on=False),
    )
    assert got == {"name": "f", "args": {"a": 1, "b": 2, "c": 3}}


@pytest.mark.parametrize(
    "partial",
    [
        {"jsonPath": "$.a[5]", "stringValue": "beyond the next index"},
        {"jsonPath": "$.a[999999999]", "numberValue": 1},
        {"jsonPath": "$.s.x", "numberValue": 1},
        {"jsonPath": "$[0]", "numberValue": 1},
        {"jsonPath": "$", "numberValue": 1},
        {"jsonPath": "$..a", "numberValue": 1},
        {"jsonPath": "$.a[*]", "numberValue": 1},
        {"jsonPath": "a", "numberValue": 1},
        {"jsonPath": 7, "numberValue": 1},
        {"jsonPath": "$.a" + ".b" * 100, "numberValue": 1},
        {"jsonPath": "$.n"},
        {"numberValue": 1},
        "oops",
    ],
)
def test_a_piece_that_finds_no_place_is_kept_as_it_came(partial: Any) -> None:
    """A piece with an invalid path is kept unchanged."""
    got = put_together(
        piece(("$.s", "stringValue", "x"), ("$.a[0]", "numberValue", 0), name="f"),
        {"functionCall": {"partialArgs": [partial]}},
    )
    assert got == {"name": "f", "args": {"s": "x", "a": [0]}, "partialArgs": [partial]}


def test_a_call_continues_while_it_says_so_and_for_its_own_pieces() -> None:
    """A call continues while `willContinue` is set."""
    call = OpenCall(piece(name="f", id="1"))
    assert call.continues_with(piece())
    assert call.continues_with(piece(name="f", id="1"))
    assert call.continues_with(piece(name="", id=None))
    assert not call.continues_with(piece(name="g"))
    assert not call.continues_with(piece(name="f", id="2"))
    assert not call.continues_with({"text": "x"})
    call.add({"functionCall": {"willContinue": False}})
    assert not call.continues_with(piece())


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"functionCall": {"name": "f", "willContinue": True}}, True),
        ({"functionCall": {"partialArgs": []}}, True),
        ({"functionCall": {"name": "f", "args": {}}}, False),
        ({"functionCall": None}, False),
        ({"text": "x"}, False),
        (None, False),
    ],
)
def test_only_what_names_a_piece_begins_a_call_in_pieces(part: Any, expected: bool) -> None:
    """Only a part with partial arguments begins an incomplete call."""
    assert OpenCall.begins_with(part) is expected


def test_the_signature_of_the_first_piece_stays() -> None:
    """The signature of the first piece is kept."""
    call = OpenCall({**piece(name="f"), "thoughtSignature": "s"})
    call.add({"functionCall": {}})
    call.finish()
    assert call.part == {"functionCall": {"name": "f"}, "thoughtSignature": "s"}


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", []),
        ("$.a.b", ["a", "b"]),
        ("$.a[0][12].b", ["a", 0, 12, "b"]),
        ("$['a b'][\"c.d\"]", ["a b", "c.d"]),
        (r"$['it\'s']['\\']", ["it's", "\\"]),
        ("$['']", [""]),
        ("$.größe", ["größe"]),
        ("", None),
        ("a.b", None),
        ("$.", None),
        ("$a", None),
        ("$[-1]", None),
        ("$[1", None),
        ("$[0:2]", None),
        ("$..a", None),
        ("$['a", None),
    ],
)
def test_singular_json_paths_become_steps(path: str, steps: list[str | int] | None) -> None:
    """Singular JSON paths are parsed into steps."""
    assert parse_path(path) == steps


def spelled(steps: list[Any]) -> str:
    def quoted(name: str) -> str:
        return "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"

    return "$" + "".join(f"[{step}]" if isinstance(step, int) else quoted(step) for step in steps)


@given(st.lists(st.text(max_size=5) | st.integers(0, 999), max_size=6))
def test_every_name_can_be_quoted(steps: list[Any]) -> None:
    """A quoted name may have any characters."""
    assert parse_path(spelled(steps)) == steps


def leaves(value: Any, steps: list[Any]) -> list[tuple[list[Any], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, item in value.items() for leaf in leaves(item, [*steps, name])]
    if isinstance(value, list) and value:
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, [*steps, index])]
    return [(steps, value)]


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
arguments = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.text(max_size=4), inner, min_size=1, max_size=3)
        ),
        max_leaves=6,
    ),
    min_size=1,
    max_size=4,
)
KINDS = {bool: "boolValue", int: "numberValue", str: "stringValue", type(None): "nullValue"}


@given(wanted=arguments, size=st.integers(1, 4))
def test_any_arguments_come_through_their_pieces(wanted: dict[str, Any], size: int) -> None:
    """Every leaf under its JSONPath, strings a few characters at a time."""
    pieces = []
    for steps, value in leaves(wanted, []):
        cut = [value[at : at + size] for at in range(0, len(value), size)] if isinstance(value, str) else []
        pieces += [piece((spelled(steps), KINDS[type(value)], each)) for each in cut or [value]]
    assert put_together(piece(name="f"), *pieces, {"functionCall": {}}) == {"name": "f", "args": wanted}


partials = st.fixed_dictionaries(
    {},
    optional={
        "jsonPath": st.sampled_from(["$.a", "$.a.b", "$.a[0]", "$.a[1].b", "$['a']", "$"]) | json_values,
        "stringValue": json_values,
        "numberValue": json_values,
        "nullValue": json_values,
    },
)
any_calls = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("f") | json_values,
        "args": st.dictionaries(st.sampled_from("ab"), json_values) | json_values,
        "partialArgs": st.lists(partials | json_values, max_size=3) | json_values,
        "willContinue": st.just(True) | json_values,
    },
)


@given(calls=st.lists(any_calls, min_size=1, max_size=5))
def test_pieces_of_any_shape_are_put_together_without_an_error(calls: list[Any]) -> None:
    """Pieces of any shape are merged without an error."""
    call = OpenCall({"functionCall": calls[0]})
    for each in calls[1:]:
        call.add({"functionCall": each})
    call.finish()
    assert isinstance(call.part["functionCall"], dict)
