"""Requests come from a worker to the desk byte by byte, although what was sent before is not sent again."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.recorder.resent_bytes import HeldRequests, RequestSender
from tests.unit.recorder.test_resent import LONG, damaged


@st.composite
def jobs(draw: st.DrawFn) -> list[tuple[int, bool, list[bytes]]]:
    """Bodies in the order in which they come, in jobs: the worker of each, whether its answer arrives, its bodies."""
    bodies = draw(damaged())
    found = []
    while bodies:
        count = draw(st.integers(1, 4))
        found.append((draw(st.integers(0, 1)), draw(st.integers(0, 3)) > 0, bodies[:count]))
        bodies = bodies[count:]
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(jobs=jobs(), remembered=st.sampled_from([0, 2_000, 2**20]))
def test_a_request_arrives_as_it_was_sent(jobs: list[tuple[int, bool, list[bytes]]], remembered: int) -> None:
    """Whichever worker sends it, whatever was lost on the way, and however much either side has forgotten."""
    senders = [RequestSender(smallest=1), RequestSender(smallest=1)]
    desk = HeldRequests(remembered)
    for worker, arrives, bodies in jobs:
        senders[worker].begin(desk.names)
        sent = [senders[worker].shortened(body) for body in bodies]
        if arrives:
            restored = [b"" if each is None else desk.restored(each) for each in sent]
            desk.forget_old()
            assert restored == bodies


def test_only_what_is_new_is_sent() -> None:
    """A conversation of a hundred turns is sent about once, although it begins and ends alike in each."""
    messages = [{"role": "user", "parts": [{"text": f"{number} {LONG}"}]} for number in range(100)]
    bodies = [json.dumps({"contents": messages[:turn], "tools": [LONG * 5]}).encode() for turn in range(20, 101)]
    sender, desk, size = RequestSender(), HeldRequests(), 0
    for body in bodies:
        sender.begin(desk.names)
        sent = sender.shortened(body)
        assert sent is not None
        assert desk.restored(sent) == body
        size += len(sent.between)
    assert size < 1.1 * len(bodies[-1])
    assert sum(map(len, bodies)) > 40 * size


def test_small_requests_are_sent_with_their_records() -> None:
    """To look for an earlier one would take longer."""
    assert RequestSender().shortened(b"{}" * 100) is None


def test_the_desk_forgets_the_oldest() -> None:
    """The next request of a conversation still arrives, for the worker is told what is left."""
    sender, desk = RequestSender(smallest=1), HeldRequests(remembered_bytes=30_000)
    sizes = []
    for number in range(6):
        sender.begin(desk.names)
        sent = sender.shortened(bytes(10_000) + bytes([number]) * 10)
        assert sent is not None
        sizes.append(len(sent.between))
        desk.restored(sent)
        desk.forget_old()
    assert len(desk.names) == 2
    assert sizes == [10_010, 10, 10, 10, 10, 10]
