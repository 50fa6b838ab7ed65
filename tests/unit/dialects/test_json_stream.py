"""A JSON array is read element by element, torn or whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dialects.json_stream import read_elements
from tests.unit.providers.exchanges import json_values


def values(body: bytes) -> list[Any]:
    return [element.value for element in read_elements(body).elements]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":1},{"a":2}]',
        b'[{"a":1}\r\n,{"a":2}\r\n]\r\n',
        b'\r\n \t[ \n{"a":1}\t\r,\n\n {"a" : 2} \n ] \n',
        b'\xef\xbb\xbf[{"a":1},\n{"a":2}]',
        b" " * 5_000 + b'[{"a":1},{"a":2}]',
    ],
)
def test_white_space_stands_wherever_json_allows_it(body: bytes) -> None:
    """White space is allowed wherever JSON allows it."""
    read = read_elements(body)
    assert ([element.value for element in read.elements], read.closed) == ([{"a": 1}, {"a": 2}], True)


def test_an_element_ends_where_its_bytes_end() -> None:
    """The end of an element is the offset just past its bytes."""
    body = '\ufeff[{"a":"äöü€"}\r\n,{"b":"😀"}]'.encode()
    ends = [element.end for element in read_elements(body).elements]
    assert [body[:end][-3:] for end in ends] == ['€"}'.encode()[-3:], '😀"}'.encode()[-3:]]


@pytest.mark.parametrize("body", [b"[]", b" [ \n] "])
def test_an_empty_array_is_closed(body: bytes) -> None:
    """An empty array is complete."""
    read = read_elements(body)
    assert (read.elements, read.closed) == ([], True)


@pytest.mark.parametrize("body", [b"", b" ", b'{"a":1}', b"1", b"[", b'[{"a":1}', b'[{"a":1},', b"[\xff", b"[nul"])
def test_what_is_no_whole_array_is_not_closed(body: bytes) -> None:
    """An array without its closing bracket is incomplete."""
    assert not read_elements(body).closed


def test_an_error_after_the_array_is_read_too() -> None:
    """An error object after the array is read too."""
    assert values(b'[{"a":1}\r\n]\r\n{"error":{"code":503}}') == [{"a": 1}, {"error": {"code": 503}}]


def test_junk_ends_the_reading_and_is_told() -> None:
    """Reading stops at invalid text, and reports it."""
    read = read_elements(b'[{"a":1}, oops, {"a":2}]')
    assert ([element.value for element in read.elements], read.closed) == ([{"a": 1}], False)


def test_a_byte_that_is_no_utf8_costs_one_character_and_no_more() -> None:
    """An invalid UTF-8 byte replaces one character only."""
    body = b'[{"a":"x\xffy"},{"a":2}]'
    assert values(body) == [{"a": "x\ufffdy"}, {"a": 2}]
    assert all(element.end <= len(body) for element in read_elements(body).elements)


def test_nesting_that_python_cannot_read_ends_the_reading() -> None:
    """Reading stops at nesting that is too deep for Python."""
    read = read_elements(b'[{"a":1},' + b"[" * 100_000)
    assert ([element.value for element in read.elements], read.closed) == ([{"a": 1}], False)


@given(elements=st.lists(json_values, max_size=4), gap=st.text(" \t\r\n", max_size=3), at=st.floats(0, 1))
def test_what_came_whole_before_a_cut_is_read_as_if_there_were_no_cut(elements: list[Any], gap: str, at: float) -> None:
    """Elements before a cut are read as in the whole body."""
    separator = f"{gap},{gap}".encode()
    body = gap.encode() + b"[" + separator.join(json.dumps(each).encode() for each in elements) + gap.encode() + b"]"
    read = read_elements(body)
    assert read.closed
    assert repr([element.value for element in read.elements]) == repr(elements)
    cut = round(at * len(body))
    whole = [element for element in read.elements if element.end <= cut]
    torn = read_elements(body[:cut])
    assert repr(torn.elements[: len(whole)]) == repr(whole)
    assert torn.closed == (cut == len(body))


@given(body=st.binary() | st.binary().map(lambda tail: b"[" + tail))
def test_any_bytes_are_read_as_far_as_they_go(body: bytes) -> None:
    """Any bytes are read without an error."""
    ends = [element.end for element in read_elements(body).elements]
    assert ends == sorted(ends)
    assert all(0 < end <= len(body) for end in ends)
