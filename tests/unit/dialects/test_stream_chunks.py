"""Chunks of a streamed answer, in whatever framing they come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dialects.stream_chunks import Chunk, find_error, is_event_stream, read_chunks
from tests.unit.providers.exchanges import SSE, array, events, json_values, make_exchange

FIRST, SECOND = {"candidates": [{"index": 0}]}, {"usageMetadata": {"totalTokenCount": 9}}
UNAVAILABLE = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def values(body: bytes) -> list[Any]:
    return [chunk.value for chunk in read_chunks(body)]


@pytest.mark.parametrize(
    "body",
    [
        events(FIRST, SECOND),
        events(FIRST, SECOND).replace(b"\r\n", b"\n"),
        events(FIRST, SECOND).rstrip(),
        b": hello\n\n" + events(FIRST) + b": still here\r\n\r\n" + events(SECOND),
        events(FIRST, SECOND) + b"data: [DONE]\n\n",
        array(FIRST, SECOND),
        b"\xef\xbb\xbf" + array(FIRST, SECOND),
        b" " * 5_000 + array(FIRST, SECOND),
        json.dumps([FIRST, SECOND], indent=2).encode(),
        b"".join(b"data: " + line + b"\n" for line in json.dumps(FIRST, indent=1).encode().splitlines())
        + b"\n"
        + events(SECOND),
    ],
)
def test_either_framing_gives_the_same_chunks(body: bytes) -> None:
    """Server-sent events and a JSON array yield the same chunks."""
    assert values(body) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "heartbeat",
    [
        *(
            b"data:",
            b"data: ",
            b"data",
            b"data:\t ",
            b"data:\ndata:",
            b"data:\n: a comment",
            b"data: null",
            b"data:[DONE]",
        ),
        *(b":", b": keepalive", b": OPENROUTER PROCESSING", b"event: ping", b"id: 7", b"retry: 3000"),
        *(b"event: ping\ndata:", b"event: ping\ndata: {}", b'event: ping\ndata: {"type": "ping"}'),
        *(
            b"event: keep-alive\ndata: 2026-03-14T12:00:00Z",
            b"event: heartbeat\ndata: 1",
            b"data: ping",
            b"data: [PING]",
        ),
        *(b"data: : keepalive", b"data: [HEARTBEAT]", b"data: keep_alive"),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_heartbeat_is_no_chunk(heartbeat: bytes, line_end: bytes) -> None:
    """Whatever gateways send to keep a stream open, before, between and after its chunks, it is no error."""
    beat = heartbeat.replace(b"\n", line_end) + line_end * 2
    body = beat + events(FIRST) + beat + beat + events(SECOND) + beat + b"data: [DONE]\n\n" + beat
    assert values(body) == [FIRST, SECOND]
    assert find_error(read_chunks(body), whole=True) is None


def test_an_error_beside_heartbeats_is_found() -> None:
    """A chunk that cannot be read still counts, and so does an error."""
    beat = b"data:\n\n"
    assert find_error(read_chunks(beat + events(FIRST) + b"data: {torn\n\n" + beat), whole=True) == {
        "message": "1 of the stream's 2 chunks cannot be read",
        "details": None,
    }
    assert find_error(read_chunks(beat + events(UNAVAILABLE)), whole=True) is not None


def test_a_chunk_ends_where_the_next_one_can_begin() -> None:
    """A chunk ends where the next one may begin."""
    assert [chunk.end for chunk in read_chunks(events(FIRST, SECOND))] == [
        len(events(FIRST)),
        len(events(FIRST, SECOND)),
    ]
    assert [chunk.end for chunk in read_chunks(b'[{"a":1},{}]')] == [8, 11]


@pytest.mark.parametrize(
    "body",
    [
        events(FIRST, UNAVAILABLE),
        events(FIRST) + json.dumps(UNAVAILABLE).encode(),
        events(FIRST) + json.dumps(UNAVAILABLE, indent=2).encode(),
        events(FIRST) + json.dumps([UNAVAILABLE], indent=2).encode(),
        array(FIRST, UNAVAILABLE),
        array(FIRST) + json.dumps(UNAVAILABLE).encode(),
        array(FIRST)[:-3] + json.dumps(UNAVAILABLE).encode(),
    ],
)
def test_an_error_inside_a_stream_is_found_in_every_form_that_it_takes(body: bytes) -> None:
    """An error in a stream is found in each of its forms."""
    assert find_error(read_chunks(body), whole=True) == {
        "message": "The model is overloaded.",
        "details": UNAVAILABLE["error"],
    }


def test_chunks_that_cannot_be_read_are_counted() -> None:
    """Unreadable chunks are counted."""
    chunks = read_chunks(events(FIRST) + b"data: {oops\n\n" + events(7) + events(SECOND))
    assert find_error(chunks, whole=True) == {
        "message": "2 of the stream's 4 chunks cannot be read",
        "details": None,
    }


@pytest.mark.parametrize("body", [events(FIRST, SECOND)[:-10], array(FIRST, SECOND)[:-10], array(FIRST)[:-3]])
def test_a_torn_last_chunk_is_no_fault_of_a_stream_that_broke_off(body: bytes) -> None:
    """A torn last chunk of an incomplete stream is no error."""
    assert find_error(read_chunks(body), whole=False) is None
    assert find_error(read_chunks(body), whole=True) is not None


def test_a_stream_without_a_fault_has_no_error() -> None:
    """A valid stream has no error."""
    assert find_error([], whole=True) is None
    assert find_error([Chunk(FIRST, 1)], whole=True) is None


@pytest.mark.parametrize(
    ("status", "content_type", "body", "expected"),
    [
        (200, SSE, events(FIRST), True),
        (200, "Text/Event-Stream; charset=utf-8", events(FIRST), True),
        (200, "application/json", array(FIRST), False),
        (200, None, events(FIRST), False),
        (503, SSE, events(UNAVAILABLE), True),
        (503, SSE, UNAVAILABLE, False),
        (None, None, b"", False),
    ],
)
def test_an_event_stream_is_what_says_so_unless_it_is_an_error_in_plain_json(
    status: int | None, content_type: str | None, body: Any, expected: bool
) -> None:
    """The content type decides about the framing, except for JSON errors."""
    assert is_event_stream(make_exchange(status=status, content_type=content_type, response=body)) is expected


@given(chunks=st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=3), max_size=4))
def test_any_objects_come_back_from_either_framing(chunks: list[Any]) -> None:
    """Any objects come back from both framings."""
    assert repr(values(events(*chunks))) == repr(chunks)
    assert repr(values(array(*chunks))) == repr(chunks)
