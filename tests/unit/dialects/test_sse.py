"""Server-sent events are read as the standard says, and as Gemini bends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dialects.sse import Frame, frames


def told(body: bytes) -> list[tuple[str | None, bytes]]:
    return [(frame.event, frame.data) for frame in frames(body)]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_line_ends_with_any_of_the_three_newlines(newline: bytes) -> None:
    """A line ends with LF, CR or CRLF."""
    body = newline.join([b"data: 1", b"", b"event: step", b"data: 2", b"", b""])
    assert list(frames(body)) == [
        Frame(None, b"1", end=7 + 2 * len(newline)),
        Frame("step", b"2", end=len(body)),
    ]


def test_newlines_may_be_mixed_in_one_stream() -> None:
    """One stream may mix different newlines."""
    assert told(b"data: 1\r\n\ndata: 2\r\rdata: 3\n\r\n") == [(None, b"1"), (None, b"2"), (None, b"3")]


def test_only_those_newlines_end_a_line() -> None:
    """Text has line separators of its own, which JSON may hold unescaped."""
    line = "a\x0b\x0c\x1c\x85\u2028\u2029b".encode()
    assert told(b"data: " + line + b"\n\n") == [(None, line)]


def test_lines_of_data_are_joined_by_newlines() -> None:
    """Several data lines of a frame are joined with newlines."""
    assert told(b'data: {\ndata:   "a": 1\ndata\ndata: }\n\n') == [(None, b'{\n  "a": 1\n\n}')]


def test_one_space_after_the_colon_belongs_to_the_framing() -> None:
    """One space after the colon is not part of the value."""
    assert told(b"data:x\n\ndata: x\n\ndata:  x\n\n") == [(None, b"x"), (None, b"x"), (None, b" x")]


def test_a_byte_order_mark_is_no_part_of_the_stream() -> None:
    """A byte order mark at the start is ignored."""
    assert list(frames(b"\xef\xbb\xbfdata: 1\n\n")) == [Frame(None, b"1", end=12)]


def test_comments_and_fields_of_other_names_are_ignored() -> None:
    """Comments and unknown fields are ignored."""
    body = b": ping\nid: 7\nretry: 10\nother: 1\ndata: 1\n: ping\n\n: ping\n\n"
    assert told(body) == [(None, b"1")]


def test_a_frame_without_data_is_none() -> None:
    """A frame without data is skipped."""
    assert told(b"event: ping\n\n\n\nevent:\ndata: 1\n\n") == [(None, b"1")]


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r"])
def test_the_last_frame_needs_no_blank_line(tail: bytes) -> None:
    """The last frame is read without a blank line after it."""
    body = b"data: 1\n\ndata: 2" + tail
    assert list(frames(body)) == [Frame(None, b"1", end=9), Frame(None, b"2", end=len(body))]


def test_json_that_stands_in_the_stream_without_a_field_name_is_a_bare_frame() -> None:
    """JSON without a field name is a bare frame."""
    error = b'{\n  "error": {\n    "code": 503\n  }\n}'
    assert list(frames(b"data: 1\n\n" + error)) == [
        Frame(None, b"1", end=9),
        Frame(None, error, end=9 + len(error), bare=True),
    ]


def test_bare_json_right_after_a_frame_is_still_its_own() -> None:
    """Bare JSON directly after a frame is a frame of its own."""
    assert [(frame.data, frame.bare) for frame in frames(b'data: 1\n{"error": 2}\n')] == [
        (b"1", False),
        (b'{"error": 2}', True),
    ]


streams = st.lists(
    st.sampled_from([b"data: {1}", b"data", b"event: step", b": ping", b"id: 1", b'{"error":', b"}", b"", b"", b"\xff"])
    | st.binary(max_size=6)
).flatmap(
    lambda lines: st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=len(lines), max_size=len(lines)).map(
        lambda ends: b"".join(line + end for line, end in zip(lines, ends, strict=True))
    )
)


@given(body=streams, at=st.floats(0, 1))
def test_what_came_whole_before_a_cut_is_read_as_if_there_were_no_cut(body: bytes, at: float) -> None:
    """Frames before a cut are read as in the whole stream."""
    cut = round(at * len(body))
    whole = [frame for frame in frames(body) if frame.end <= cut]
    torn = list(frames(body[:cut]))
    # A carriage return may be the first half of a newline: the frame before it is the same but for its end.
    read = [(frame.event, frame.data, frame.bare) for frame in torn]
    assert [(frame.event, frame.data, frame.bare) for frame in whole] == read[: len(whole)]
    assert len(torn) <= len(whole) + 2


@given(body=streams | st.binary())
def test_ends_go_forward_and_stay_inside_the_body(body: bytes) -> None:
    """Ends of frames ascend and are within the body."""
    ends = [frame.end for frame in frames(body)]
    assert ends == sorted(ends)
    assert all(0 < end <= len(body) for end in ends)
