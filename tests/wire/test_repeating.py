"""The tap resends a request only if it changes nothing and a kept connection turns out to be dead."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.wire.peers import Peer, ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

MODELS = "/v1beta/models"


def kept_connection(client: Peer, upstream: ScriptedUpstream) -> Peer:
    """Run a first exchange. Returns the upstream's end of the connection that the tap keeps."""
    client.send(request(MODELS, method="GET", body=b""))
    peer = upstream.accept()
    peer.take_request()
    peer.send(response())
    client.take_response()
    return peer


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("size", [0, 15, 600_000, 2**21])
def test_a_connection_closed_while_it_waited_is_not_used(
    tap: RunningTap, upstream: ScriptedUpstream, size: int, how: str
) -> None:
    """A kept connection that the upstream closed is seen before any byte is sent on it, whatever the method."""
    with tap.connect() as client:
        peer = kept_connection(client, upstream)
        getattr(peer, how)()
        client.send(request(body=b"x" * size))
        second = upstream.accept()
        assert second.take_request()[1] == b"x" * size
        second.send(response(body=b'{"second": 1}'))
        head, body = client.take_response()
    assert body == b'{"second": 1}'
    capture = tap.captured(head)
    assert (capture.outcome, capture.body("request")) == ("complete", b"x" * size)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_request_is_sent_again(tap: RunningTap, upstream: ScriptedUpstream, method: str, how: str) -> None:
    """A request that changes nothing is resent once if a kept connection breaks without a byte of the answer."""
    with tap.connect() as client:
        peer = kept_connection(client, upstream)
        client.send(request(MODELS, method=method, body=b""))
        peer.take_request()
        getattr(peer, how)()
        second = upstream.accept()
        second.take_request()
        second.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        head = client.take_head()
    assert head.status == 200
    assert tap.captured(head).outcome == "complete"


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("worked", [0.0, 0.2])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_may_have_been_worked_on_is_not_sent_again(
    tap: RunningTap, upstream: ScriptedUpstream, method: str, worked: float, how: str
) -> None:
    """A request that the upstream may have read is never resent: it may have been worked on, and billed."""
    with tap.connect() as client:
        peer = kept_connection(client, upstream)
        client.send(request(method=method))
        peer.take_request()
        time.sleep(worked)
        getattr(peer, how)()
        expect_no_repeat(tap, client, upstream)


def expect_no_repeat(tap: RunningTap, client: Peer, upstream: ScriptedUpstream) -> None:
    head, _ = client.take_response()
    assert head.status == 502
    assert upstream.nobody_calls()
    assert tap.captured(head).outcome == "upstream_disconnected"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_not_on_a_new_connection(tap: RunningTap, upstream: ScriptedUpstream, method: str) -> None:
    """A request on a new connection is not resent."""
    with tap.connect() as client:
        client.send(request(method=method))
        peer = upstream.accept()
        peer.take_request()
        peer.close()
        expect_no_repeat(tap, client, upstream)


def test_not_after_a_first_byte_of_the_answer(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A request is not resent after the first byte of a response."""
    with tap.connect() as client:
        peer = kept_connection(client, upstream)
        client.send(request(MODELS, method="GET", body=b""))
        peer.take_request()
        peer.send(b"HTTP/1.1 2")
        peer.close()
        expect_no_repeat(tap, client, upstream)


def test_not_a_get_with_a_body(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A GET that has a body is not resent."""
    with tap.connect() as client:
        peer = kept_connection(client, upstream)
        client.send(request(MODELS, method="GET", body=b"{}"))
        peer.take_request()
        peer.close()
        expect_no_repeat(tap, client, upstream)


def test_not_a_second_time(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A request is resent only once."""
    with tap.connect() as client:
        peer = kept_connection(client, upstream)
        client.send(request(MODELS, method="GET", body=b""))
        peer.take_request()
        peer.close()
        second = upstream.accept()
        second.take_request()
        second.close()
        expect_no_repeat(tap, client, upstream)


def test_a_kept_connection_serves_the_next_client(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """Connections to the upstream are kept and shared by clients."""
    tap = start_tap()
    with tap.connect() as first, tap.connect() as second:
        peer = kept_connection(first, upstream)
        second.send(request())
        peer.take_request()
        peer.send(response())
        assert second.take_response()[0].status == 200
