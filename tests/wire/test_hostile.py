"""Malicious requests: none leaves the upstream's origin, and no two parsers read one differently."""

from __future__ import annotations

import pytest

from tests.wire.peers import Peer, ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"


def answer_to(tap: RunningTap, raw: bytes) -> int:
    with tap.connect() as client:
        client.send(raw)
        return client.take_head().status


@pytest.mark.parametrize(
    "target",
    [
        "//evil.invalid/v1beta/models",
        "/\\evil.invalid/v1beta/models",
        "/@evil.invalid/v1beta/models",
        "/%2f/evil.invalid/v1beta",
        "/gemini",
        "/gemini//evil.invalid/",
        "/gemini/@evil.invalid/v1beta",
        "/v1betaevil",
        "/.../v1beta",
        "/_gemtap/../v1beta/models",
    ],
)
def test_a_path_that_is_no_providers_goes_nowhere(tap: RunningTap, upstream: ScriptedUpstream, target: str) -> None:
    """A path of no provider is refused without a connection to any host."""
    assert answer_to(tap, request(target)) == 404
    assert upstream.nobody_calls(0.1)


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/v1beta/../../etc/passwd", "/v1beta/../../etc/passwd"),
        ("/v1beta/@evil.invalid/x", "/v1beta/@evil.invalid/x"),
        ("/v1beta//evil.invalid/x", "/v1beta//evil.invalid/x"),
        ("//v1beta/models", "//v1beta/models"),
        ("/v1beta/a\\b", "/v1beta/a\\b"),
        ("/v1beta/%00%0d%0aX-Evil:1", "/v1beta/%00%0d%0aX-Evil:1"),
    ],
)
def test_whatever_the_path_it_goes_to_the_upstream(
    tap: RunningTap, upstream: ScriptedUpstream, target: str, seen: str
) -> None:
    """Host names in targets and paths do not change the upstream."""
    with tap.connect() as client:
        client.send(request(target))
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(response("Connection: close"))
        assert client.take_head().status == 200
    assert head.target == seen
    assert head.value(b"host") == upstream.origin.removeprefix("http://").encode()


SMUGGLED = b"GET /v1beta/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: 0x3",
        "Content-Length: -1",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: gzip, chunked, identity",
        "Transfer-Encoding : chunked",
        "Content-Length: 99999999999999999999",
    ],
)
def test_a_request_with_two_lengths_is_refused(tap: RunningTap, upstream: ScriptedUpstream, framing: str) -> None:
    """A request with two lengths is refused, or read in only one way, so that no second request is smuggled in it."""
    raw = f"POST {GENERATE} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode() + b"0\r\n\r\n" + SMUGGLED
    assert answer_to(tap, raw) == 400
    assert upstream.nobody_calls(0.1)


@pytest.mark.parametrize(
    "chunk", [b"zz\r\nabc\r\n", b"-1\r\n", b"3\r\nabcde\r\n", b"ffffffffffffffffff\r\n", b"3 abc\r\n"]
)
def test_a_broken_chunk_ends_the_request(tap: RunningTap, upstream: ScriptedUpstream, chunk: bytes) -> None:
    """An invalid chunk gets a 400, and the upstream receives no complete request."""
    with tap.connect() as client:
        client.send(f"POST {GENERATE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunk)
        assert client.take_head().status == 400
        assert client.is_closed()
    for peer in accepted(upstream):
        with pytest.raises((EOFError, ConnectionResetError)):
            peer.take_request()


def accepted(upstream: ScriptedUpstream) -> list[Peer]:
    """The connections that the tap has made so far."""
    return [] if upstream.nobody_calls(0.2) else [upstream.last]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nNo colon here\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\0B: 1\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_the_usual_shape(tap: RunningTap, raw: bytes) -> None:
    """Malformed HTTP gets a 400 in Google's format."""
    with tap.connect() as client:
        client.send(raw)
        head, body = client.take_response()
        assert head.status == 400
        assert b"INVALID_ARGUMENT" in body
        assert client.is_closed()


def test_hundreds_that_never_end_what_they_begin_are_in_nobodys_way(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Hundreds of clients that stop within headers or bodies, or send single bytes, do not block others."""
    slow = [tap.connect() for _ in range(300)]
    try:
        for number, client in enumerate(slow):
            begun = b"POST /v1beta/models/m:generateContent HTTP/1.1\r\nHost: localhost\r\n"
            client.send(begun + (b"Content-Length: 1000\r\n\r\n{" if number % 2 else b"X-Slow: "))
        for _ in range(5):
            for client in slow:
                client.send(b" ")
            with tap.connect() as client:
                client.send(request("/v1beta/models/quick:generateContent"))
                while True:  # half of the slow requests have reached the upstream already
                    peer = upstream.accept()
                    if b"quick" in (head := peer.take_head()).raw:
                        break
                peer.take(int(head.value(b"content-length") or 0))
                peer.send(response("Connection: close"))
                assert client.take_head().status == 200
    finally:
        for client in slow:
            client.close()
    upstream.hang_up()
