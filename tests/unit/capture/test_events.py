"""The events of a capture, written and read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gemtap.capture.events import Event, Kind, pack, read_events

VALUES = st.binary(max_size=50) | st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.none(), max_size=3)
EVENTS = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**40), VALUES), max_size=8)


@given(events=EVENTS)
def test_what_is_written_is_read(events: list[tuple[Kind, int, object]]) -> None:
    packed = b"".join(pack(*event) for event in events)
    assert list(read_events(packed)) == [Event(kind, at, value) for kind, at, value in events]


@given(events=EVENTS, data=st.data())
def test_a_torn_tail_costs_only_the_torn_event(events: list[tuple[Kind, int, object]], data: st.DataObject) -> None:
    pieces = [pack(*event) for event in events]
    end = data.draw(st.integers(0, sum(map(len, pieces))))
    whole, size = 0, 0
    for piece in pieces:
        size += len(piece)
        whole += size <= end
    assert len(list(read_events(b"".join(pieces)[:end]))) == whole


@given(noise=st.binary(max_size=200))
def test_noise_after_the_last_event_is_left_out(noise: bytes) -> None:
    first = pack(Kind.END, 7, {"outcome": "complete"})
    assert next(read_events(first + noise)) == Event("end", 7, {"outcome": "complete"})


def test_a_piece_of_hundreds_of_megabytes_is_no_fault() -> None:
    """msgpack's own limits are lower."""
    (event,) = read_events(pack(Kind.RESPONSE_BODY, 1, bytes(300 * 2**20)))
    assert len(event.value) == 300 * 2**20
