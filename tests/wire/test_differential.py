"""Requests through the tap differ from the same requests sent directly only in the listed ways: tests/wire/differences.

Both ends are raw sockets, so that what each receives is known to the byte.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.differences import TO_CLIENT, Difference, Message, differ, to_upstream
from tests.wire.peers import Peer
from tests.wire.raw_messages import CONNECTIONS, RawExchange, read_request, read_response
from tests.wire.running_tap import RunningTap


class AnsweringUpstream:
    """An upstream that answers the requests of any connection with the given responses, in order."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.seen: list[Message] = []
        self._answers: deque[RawExchange] = deque()
        threading.Thread(target=self._accept, daemon=True).start()

    def expect(self, exchanges: Sequence[RawExchange]) -> None:
        """Answer the next requests with these responses."""
        self._answers.clear()
        self.seen = []
        self._answers.extend(exchanges)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Peer(connection),), daemon=True).start()

    def _serve(self, peer: Peer) -> None:
        with peer:
            peer.socket.settimeout(None)
            try:
                while True:
                    request = read_request(peer)
                    self.seen.append(request)
                    exchange = self._answers.popleft()
                    peer.send(exchange.response)
                    if exchange.ends_connection:
                        return
            except (EOFError, OSError):
                return  # the client of the connection has left


@dataclass(frozen=True)
class Ends:
    """A tap between the tests and an upstream."""

    tap: RunningTap
    upstream: AnsweringUpstream

    def received(self, port: int, exchanges: Sequence[RawExchange], cuts: Sequence[int] = ()) -> list[Pair]:
        """What the upstream and the client received of each exchange, all of them sent to the port over one connection.

        The client's bytes are cut at these places, and what comes after a cut is sent a little later.
        """
        self.upstream.expect(exchanges)
        raw = b"".join(each.request for each in exchanges)
        places = sorted({0, len(raw), *(cut % len(raw) for cut in cuts)})
        with Peer.to(port) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for begin, end in pairwise(places):
                client.send(raw[begin:end])
                if end < len(raw):
                    time.sleep(0.0005)
            responses = [read_response(client, each) for each in exchanges]
        assert len(self.upstream.seen) == len(exchanges), f"of {exchanges}, some did not arrive: {responses}"
        return [Pair(*pair) for pair in zip(self.upstream.seen, responses, strict=True)]


@dataclass(frozen=True)
class Pair:
    """An exchange as its two ends received it."""

    request: Message
    response: Message


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    upstream = AnsweringUpstream()
    tap = RunningTap(tmp_path_factory.mktemp("wire") / "data", upstream.origin)
    yield Ends(tap, upstream)
    tap.close()
    upstream.close()


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.timeout(600)
@settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))
@given(exchanges=CONNECTIONS, cuts=st.lists(st.integers(0, 10_000), max_size=3))
def test_nothing_differs_but_what_is_listed(ends: Ends, exchanges: tuple[RawExchange, ...], cuts: list[int]) -> None:
    """Generated connections of up to six exchanges differ from direct ones only in the listed ways."""
    direct = ends.received(ends.upstream.port, exchanges)
    through = ends.received(ends.tap.port, exchanges, cuts)
    listed = to_upstream(f"127.0.0.1:{ends.upstream.port}".encode())
    for here, there in zip(direct, through, strict=True):
        assert differ(here.request, there.request, listed) is None
        assert differ(here.response, there.response, TO_CLIENT) is None


EVERYTHING = (
    RawExchange(
        b"POST",
        b"POST /v1beta/models/a? HTTP/1.1\r\nHost: a\r\nX-Case: 1\r\nAccept-Encoding: compress\r\n"
        b"Expect: 100-continue\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 Fine\r\nX-Case: 1\r\nX-Fold: a\r\n b\r\n"
        b"Connection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
        ends_connection=False,
    ),
    RawExchange(
        b"GET",
        b"GET /v1beta/models HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ends_connection=False,
    ),
    RawExchange(
        b"DELETE",
        b"DELETE /v1beta/files/a HTTP/1.0\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200 OK\r\n\r\n{}",
        ends_connection=True,
    ),
)
"""Exchanges with all that the list names."""


@pytest.fixture(scope="module")
def of_everything(ends: Ends) -> tuple[list[Pair], list[Pair]]:
    """What was received directly and through the tap."""
    return ends.received(ends.upstream.port, EVERYTHING), ends.received(ends.tap.port, EVERYTHING)


@pytest.mark.parametrize("index", range(len(to_upstream(b""))), ids=[each.what for each in to_upstream(b"")])
def test_every_listed_difference_of_requests_is_one(
    ends: Ends, of_everything: tuple[list[Pair], list[Pair]], index: int
) -> None:
    """Without an entry of the list, the comparison fails: what the tap passes on unchanged is not in the list."""
    listed = to_upstream(f"127.0.0.1:{ends.upstream.port}".encode())
    assert _differences([(a.request, b.request) for a, b in zip(*of_everything, strict=True)], listed) == 0
    rest = [*listed[:index], *listed[index + 1 :]]
    assert _differences([(a.request, b.request) for a, b in zip(*of_everything, strict=True)], rest) > 0


@pytest.mark.parametrize("index", range(len(TO_CLIENT)), ids=[each.what for each in TO_CLIENT])
def test_every_listed_difference_of_responses_is_one(of_everything: tuple[list[Pair], list[Pair]], index: int) -> None:
    """Without an entry of the list, the comparison fails: what the tap passes on unchanged is not in the list."""
    pairs = [(a.response, b.response) for a, b in zip(*of_everything, strict=True)]
    assert _differences(pairs, TO_CLIENT) == 0
    assert _differences(pairs, [*TO_CLIENT[:index], *TO_CLIENT[index + 1 :]]) > 0


def _differences(pairs: Sequence[tuple[Message, Message]], listed: Sequence[Difference]) -> int:
    return sum(differ(direct, through, listed) is not None for direct, through in pairs)
