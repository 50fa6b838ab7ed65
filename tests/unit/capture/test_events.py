"""The events of a capture, written and read back."""

from __future__ import annotations

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from gemtap.capture.events import Event, Kind, pack, read_events

VALUES = st.binary(max_size=50) | st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.none(), max_size=3)
EVENTS = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**40), VALUES), max_size=8)


@given(events=EVENTS)
def test_what_is_written_is_read(events: list[tuple[Kind, int, object]]) -> None:
    """Written events are read back unchanged."""
    packed = b"".join(pack(*event) for event in events)
    assert list(read_events(packed)) == [Event(kind, at, value) for kind, at, value in events]


@given(events=EVENTS, data=st.data())
def test_a_torn_tail_costs_only_the_torn_event(events: list[tuple[Kind, int, object]], data: st.DataObject) -> None:
    """If the file ends within an event, all events before it are read."""
    pieces = [pack(*event) for event in events]
    end = data.draw(st.integers(0, sum(map(len, pieces))))
    whole, size = 0, 0
    for piece in pieces:
        size += len(piece)
        whole += size <= end
    assert len(list(read_events(b"".join(pieces)[:end]))) == whole


@given(noise=st.binary(max_size=200))
def test_noise_after_the_last_event_is_left_out(noise: bytes) -> None:
    """Bytes after the last event that are no event are ignored."""
    first = pack(Kind.END, 7, {"outcome": "complete"})
    assert next(read_events(first + noise)) == Event("end", 7, {"outcome": "complete"})


@given(events=EVENTS.filter(bool), data=st.data())
def test_a_byte_that_has_changed_ends_the_capture_before_its_event(
    events: list[tuple[Kind, int, object]], data: st.DataObject
) -> None:
    """As zeroes in place of what the disk never got: nothing is read that was not written."""
    pieces = [pack(*event) for event in events]
    spoilt = data.draw(st.integers(0, len(pieces) - 1))
    piece = bytearray(pieces[spoilt])
    at = data.draw(st.integers(0, len(piece) - 1))
    piece[at] ^= data.draw(st.integers(1, 255))
    read = list(read_events(b"".join([*pieces[:spoilt], bytes(piece), *pieces[spoilt + 1 :]])))
    assert read == [Event(*event) for event in events[:spoilt]]


def test_a_capture_of_a_pre_release_has_no_checksums_and_is_read() -> None:
    """It may have waited in the spool for the upgrade."""
    events = [("request", 0, {"format": 1}), ("request.body", 5, b"abc"), ("end", 9, {"outcome": "complete"})]
    packed = b"".join(msgpack.packb(event) for event in events)
    assert list(read_events(packed)) == [Event(*event) for event in events]
    assert list(read_events(packed[:-1])) == [Event(*event) for event in events[:2]]


def test_a_piece_of_hundreds_of_megabytes_is_no_fault() -> None:
    """msgpack's own limits are lower."""
    (event,) = read_events(pack(Kind.RESPONSE_BODY, 1, bytes(300 * 2**20)))
    assert len(event.value) == 300 * 2**20
