"""Bodies become values, and values bodies."""

from __future__ import annotations

import json
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.body import MAX_CONTAINERS, MAX_NESTING, MAX_VALUES, ParsedBody, gives_back, parse_body, serialise, storable
from tests.exactness import exactly

TOO_DEEP = "nested deeper than 100 levels"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b" \r\n[]\n", []),
        (b"null", None),
        (b'"text"', "text"),
        (b"0", 0),
        ("\ufeff{}".encode(), {}),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_json_is_its_value(raw: bytes, value: Any) -> None:
    """A JSON body is parsed."""
    assert parse_body(raw) == ParsedBody(value, is_json=True)


@pytest.mark.parametrize(
    "raw", [b"plain", b"{", b'{"a": NaN}', b"[Infinity]", b"-Infinity", b"data: {}\n\n", b"{} {}", "\ufeff".encode()]
)
def test_what_is_no_json_is_text(raw: bytes) -> None:
    """A body that is no JSON is text."""
    assert parse_body(raw) == ParsedBody(raw.decode())


def test_what_is_no_text_is_bytes() -> None:
    """A body that is no text is bytes."""
    assert parse_body(b"\xff\xd8") == ParsedBody(b"\xff\xd8")


def test_nothing_is_none() -> None:
    """An empty body is None."""
    assert parse_body(b"") == ParsedBody(None)


@pytest.mark.parametrize(
    ("raw", "kept", "reason"),
    [
        (b'{"a": 9223372036854775807, "b": 9223372036854775808}', {"a": 2**63 - 1}, "integers over 64 bits"),
        (b"[-9223372036854775808, -9223372036854775809]", [-(2**63), None], "integers over 64 bits"),
        (b"9223372036854775808", None, "integers over 64 bits"),
        (b'{"a": 1e999, "b": 1}', {"b": 1}, "numbers beyond a double"),
        (b"[-1e999]", [None], "numbers beyond a double"),
        (b"1e999", None, "numbers beyond a double"),
        (b'{"a": "\\ud800", "b": 1}', {"b": 1}, "lone surrogates"),
        (b'{"\\ud800": 1, "b": 1}', {"b": 1}, "lone surrogates"),
        (b'["\\udfff"]', [None], "lone surrogates"),
        (b'"\\ud800"', None, "lone surrogates"),
        (b'{"a\\u0000b": 1, "b": "\\u0000"}', {"b": "\0"}, "NUL in a key"),
        (b'{"a": 1, "a": 2}', {"a": 2}, "duplicate keys (the last one is kept)"),
        (b'[{"a": 1, "a": 2}, {"b": 1, "b": 2}]', [{"a": 2}, {"b": 2}], "duplicate keys (the last one is kept)"),
        (
            b'{"a": [9223372036854775808], "a": 1e999}',
            {},
            "numbers beyond a double; duplicate keys (the last one is kept)",
        ),
    ],
)
def test_what_bson_cannot_hold_is_left_out_with_the_reason(raw: bytes, kept: Any, reason: str) -> None:
    """Values that BSON cannot hold are omitted with a reason."""
    assert parse_body(raw) == ParsedBody(kept, is_json=True, incomplete=reason)


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def depth(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


def test_nesting_is_kept_as_deep_as_bson_goes() -> None:
    """Nesting is stored up to the limit of BSON."""
    raw = json.dumps(nested(MAX_NESTING)).encode()
    assert parse_body(raw) == ParsedBody(nested(MAX_NESTING), is_json=True)


def test_what_is_nested_deeper_is_left_out() -> None:
    """Deeper nesting is omitted."""
    parsed = parse_body(json.dumps([1, nested(MAX_NESTING + 50)]).encode())
    assert (parsed.is_json, parsed.incomplete) == (True, TOO_DEEP)
    assert depth(parsed.value) == MAX_NESTING
    assert isinstance(parsed.value, list)
    assert parsed.value[0] == 1


@pytest.mark.parametrize(
    "raw", [b"[" * 600 + b"]" * 600, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 600 + b"1" + b"}" * 600]
)
def test_json_that_is_nested_without_measure_stays_text(raw: bytes) -> None:
    """JSON that is nested too deeply stays text."""
    assert parse_body(raw) == ParsedBody(raw.decode(), incomplete=TOO_DEEP)


def test_an_integer_too_long_to_be_read_leaves_the_body_text() -> None:
    """A body with an oversized integer stays text."""
    raw = b'{"a": ' + b"1" * 5_000 + b"}"
    assert parse_body(raw) == ParsedBody(raw.decode(), incomplete="integers over 64 bits")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[" + b"[]," * MAX_CONTAINERS + b"0]", "more than 524,288 objects and arrays"),
        (b" " * 5_000 + b'{"a":' * (MAX_CONTAINERS + 1), "more than 524,288 objects and arrays"),
        (b"[" + b"0," * (MAX_VALUES + 1) + b"0]", "more than 8,388,608 values"),
    ],
)
def test_json_of_more_values_than_anybody_sends_stays_text(raw: bytes, reason: str) -> None:
    """Twenty megabytes of tiny arrays would take half a gigabyte, in the desk, for each page that shows them."""
    assert parse_body(raw) == ParsedBody(raw.decode(), incomplete=reason)


def test_many_lines_of_json_are_text_that_lacks_nothing() -> None:
    """A file of one value a line is no JSON, however long it is."""
    raw = b'{"key":"1","request":{}}\n' * MAX_CONTAINERS
    assert parse_body(raw) == ParsedBody(raw.decode())


def test_a_large_body_of_few_values_is_json() -> None:
    """Media in Base64, and texts with as many signs as code has."""
    value = {"contents": [{"parts": [{"text": "if (a[0]) { f(a, b); }\n" * 200_000}, {"data": "QUJD" * 10_000_000}]}]}
    assert parse_body(json.dumps(value).encode()) == ParsedBody(value, is_json=True)


def test_what_is_no_json_value_cannot_be_stored() -> None:
    """Values that are no JSON are not storable."""
    with pytest.raises(TypeError, match="not a JSON value: set"):
        storable([{1}])


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ({"a": [1, 2.5, None], "ü": "😀"}, '{"a":[1,2.5,null],"ü":"😀"}'.encode()),
        ("text", b"text"),
        (b"\xff", b"\xff"),
        (None, b""),
        ([], b"[]"),
    ],
)
def test_a_value_has_its_bytes(value: Any, raw: bytes) -> None:
    """Serialising a value gives its bytes."""
    assert serialise(value) == raw
    assert gives_back(value, raw)


@pytest.mark.parametrize(
    "raw", [b'{"a": 1}', b"1E2", b'"\\u003c"', b"null", b'{"a":1,"a":1}', b'"text"', "\ufeff{}".encode()]
)
def test_json_that_serialising_does_not_give_back_to_the_letter_needs_its_exact_bytes(raw: bytes) -> None:
    """JSON in another notation needs its exact bytes."""
    assert not gives_back(parse_body(raw).value, raw)


@given(raw=st.binary() | st.text().map(str.encode))
def test_what_is_no_json_is_given_back_to_the_letter(raw: bytes) -> None:
    """Other text comes back unchanged."""
    parsed = parse_body(raw)
    assert parsed.is_json or gives_back(parsed.value, raw)


def test_a_value_that_cannot_be_serialised_gives_nothing_back() -> None:
    """A value that cannot be serialised does not reproduce its bytes."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert not gives_back(deep, b"[]")
    assert not gives_back("\ud800", b"")


keys = st.text(max_size=4) | st.sampled_from(["$ref", "a.b", "\0", "_id", "\ud800"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


@given(value=json_values)
def test_bson_holds_whatever_is_storable_and_gives_it_back(value: Any) -> None:
    """BSON holds every storable value unchanged."""
    kept, reasons = storable(value)
    assert bson.decode(bson.encode({"body": kept}))["body"] == kept
    assert reasons or exactly(kept, ordered=True) == exactly(value, ordered=True)
    assert storable(kept) == (kept, [])


@given(raw=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_the_same_bytes_always_give_the_same_value(raw: bytes) -> None:
    """Parsing is deterministic."""
    once, again = parse_body(raw), parse_body(raw)
    assert exactly(once.value, ordered=True) == exactly(again.value, ordered=True)
    assert (once.is_json, once.incomplete) == (again.is_json, again.incomplete)
    bson.encode({"body": once.value})
