"""Framing does not depend on the segments in which bytes arrive, in either direction."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.peers import Peer, ScriptedUpstream, chunk, request, response
from tests.wire.running_tap import RunningTap

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = b'{"contents":[{"parts":[{"text":"hello"}]}]}'

REQUESTS = {
    "length": request(GENERATE, body=BODY),
    "chunked": request(GENERATE, "Transfer-Encoding: chunked", body=b"")
    + chunk(BODY[:9])
    + chunk(BODY[9:])
    + b"0\r\nX-Trailer: t\r\n\r\n",
}
ANSWERS = {
    "length": response("X-A: 1", status="200 Fine", body=BODY),
    "chunked": b"HTTP/1.1 103 Soon\r\nLink: </x>\r\n\r\n"
    + response("X-A: 1", "Transfer-Encoding: chunked", status="200 Fine", body=b"")
    + chunk(BODY[:9])
    + chunk(BODY[9:])
    + b"0\r\nX-Trailer: t\r\n\r\n",
}


def send_in(peer: Peer, raw: bytes, cuts: list[int]) -> None:
    """Send the bytes in segments that end at `cuts`."""
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        peer.send(raw[start:end])
        # The next segment has to be read by itself.
        time.sleep(0.0005)


def exchange(tap: RunningTap, upstream: ScriptedUpstream, framing: str, asked: list[int], answered: list[int]) -> None:
    """Two requests over one connection, the second behind whatever the first has left in the parsers."""
    with tap.connect() as client, upstream_of(upstream, client, REQUESTS[framing], asked) as peer:
        for number in range(2):
            if number:
                send_in(client, REQUESTS[framing], asked)
            head, body = peer.take_request()
            assert (head.first, body) == (f"POST {GENERATE} HTTP/1.1", BODY)
            send_in(peer, ANSWERS[framing], answered)
            if framing == "chunked":
                assert client.take_head().first == "HTTP/1.1 103 Soon"
            answer, body = client.take_response()
            assert (answer.first, answer.value(b"x-a"), body) == ("HTTP/1.1 200 Fine", b"1", BODY)


def upstream_of(upstream: ScriptedUpstream, client: Peer, raw: bytes, cuts: list[int]) -> Peer:
    """Send the first request, and return the upstream's end of the connection that it makes."""
    send_in(client, raw, cuts)
    return upstream.accept()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_every_byte_may_be_a_segment(tap: RunningTap, upstream: ScriptedUpstream, framing: str) -> None:
    """Requests and answers that arrive byte by byte pass whole."""
    asked, answered = list(range(1, len(REQUESTS[framing]))), list(range(1, len(ANSWERS[framing])))
    exchange(tap, upstream, framing, asked, answered)


@pytest.fixture(scope="module")
def ends(module_tap: RunningTap, module_upstream: ScriptedUpstream) -> tuple[RunningTap, ScriptedUpstream]:
    return module_tap, module_upstream


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), framing=st.sampled_from(["length", "chunked"]))
def test_any_cuts_will_do(ends: tuple[RunningTap, ScriptedUpstream], data: st.DataObject, framing: str) -> None:
    """Requests and answers pass whole, wherever they are cut."""
    asked = data.draw(cuts_of(REQUESTS[framing]))
    answered = data.draw(cuts_of(ANSWERS[framing]))
    exchange(*ends, framing, asked, answered)


def cuts_of(raw: bytes) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, len(raw) - 1), unique=True, max_size=4).map(sorted)
