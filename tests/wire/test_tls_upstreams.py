"""Upstreams that speak TLS, reached directly and through an outgoing proxy that makes tunnels."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from gemtap.tls import Certificate, local_certificate
from tests.wire.peers import PATIENCE, Peer, ScriptedUpstream, chunk, request, response
from tests.wire.running_tap import RunningTap

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return local_certificate(tmp_path_factory.mktemp("certificate"), ["127.0.0.1"])


@pytest.fixture
def environment(certificate: Certificate) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(certificate.authority), "no_proxy": "", "NO_PROXY": "", "https_proxy": ""}


def accept_tls(peer: Peer, certificate: Certificate) -> Peer:
    """Go through the upstream's side of a handshake on an accepted connection. Returns the peer."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    peer.socket = context.wrap_socket(peer.socket, server_side=True)
    return peer


def expect_unreachable(tap: RunningTap, client: Peer, *words: str) -> None:
    head, body = client.take_response()
    assert head.status == 502
    assert all(word.encode() in body for word in words), body
    assert tap.captured(head).outcome == "upstream_unreachable"


def test_tls_upstreams_are_reached_and_kept(
    start_tap: Callable[..., RunningTap],
    upstream: ScriptedUpstream,
    certificate: Certificate,
    environment: dict[str, str],
) -> None:
    """Streams pass through TLS as they are made, and the connection serves the next request."""
    tap = start_tap(upstream_of=f"https://127.0.0.1:{upstream.port}", environment=environment)
    with tap.connect() as client:
        client.send(request())
        peer = accept_tls(upstream.accept(), certificate)
        assert isinstance(peer.socket, ssl.SSLSocket)
        assert peer.socket.selected_alpn_protocol() == "http/1.1"
        head, _ = peer.take_request()
        assert head.value(b"host") == f"127.0.0.1:{upstream.port}".encode()
        peer.send(STREAM_HEAD + chunk(b"first"))
        client.take_head()
        assert client.take_chunk() == b"first"
        peer.send(chunk(b"x" * 300_000) + b"0\r\n\r\n")
        assert len(client.take_chunks()) == 300_000
        client.send(request(body=b"y" * 300_000))
        assert len(peer.take_request()[1]) == 300_000
        peer.send(response())
        assert client.take_response()[0].status == 200
        peer.close()


def test_a_certificate_of_a_stranger_is_refused(
    start_tap: Callable[..., RunningTap],
    upstream: ScriptedUpstream,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """A certificate that no known authority has signed gives an error that says so, and nothing is sent."""
    tap = start_tap(upstream_of=f"https://127.0.0.1:{upstream.port}", environment=environment)
    with tap.connect() as client:
        client.send(request())
        with pytest.raises(ssl.SSLError):
            accept_tls(upstream.accept(), local_certificate(tmp_path, ["127.0.0.1"]))
        expect_unreachable(tap, client, "certificate of 127.0.0.1 is not valid")


def test_an_upstream_without_tls_is_named(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, environment: dict[str, str]
) -> None:
    """A server that answers the handshake with something else gives an error that speaks of TLS."""
    tap = start_tap(upstream_of=f"https://127.0.0.1:{upstream.port}", environment=environment)
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        expect_unreachable(tap, client, "TLS connection to 127.0.0.1")


@pytest.mark.parametrize("proxy_scheme", ["http", "https"])
def test_a_tunnel_of_a_proxy_leads_to_the_upstream(
    start_tap: Callable[..., RunningTap],
    upstream: ScriptedUpstream,
    certificate: Certificate,
    environment: dict[str, str],
    proxy_scheme: str,
) -> None:
    """An https upstream behind a proxy is reached by CONNECT, with the proxy's password for the proxy alone."""
    environment["https_proxy"] = f"{proxy_scheme}://user:p%40ss@127.0.0.1:{upstream.port}"
    tap = start_tap(upstream_of="https://127.0.0.1:7443", environment=environment)
    with tap.connect() as client:
        client.send(request())
        proxy = upstream.accept()
        if proxy_scheme == "https":
            proxy = accept_tls(proxy, certificate)
        head = proxy.take_head()
        assert head.first == "CONNECT 127.0.0.1:7443 HTTP/1.1"
        assert head.value(b"proxy-authorization") == b"Basic " + base64.b64encode(b"user:p@ss")
        proxy.send(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
        inside = Tunnelled(proxy, certificate) if proxy_scheme == "https" else accept_tls(proxy, certificate)
        for _ in range(2):
            inner, _ = inside.take_request()
            assert inner.value(b"proxy-authorization") is None
            inside.send(response())
            assert client.take_response()[0].status == 200
            client.send(request())
        inside.take_request()


class Tunnelled(Peer):
    """TLS inside a connection that is TLS already, which `SSLSocket` cannot wrap."""

    def __init__(self, outer: Peer, certificate: Certificate) -> None:
        super().__init__(outer.socket)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._until_done(self._tls.do_handshake)

    def _receive(self) -> None:
        self.received += self._until_done(lambda: self._tls.read(65536))

    def send(self, data: bytes) -> None:
        self._until_done(lambda: self._tls.write(data))

    def _until_done(self, act: Callable[[], object]) -> bytes:
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self.socket.recv(65536))
            else:
                self._flush()
                return done if isinstance(done, bytes) else b""

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self.socket.sendall(data)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\nsecret", "the proxy answered 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the proxy gave no answer"),
        (b"", "the proxy gave no answer"),
    ],
)
def test_a_proxy_that_makes_no_tunnel_is_named(
    start_tap: Callable[..., RunningTap],
    upstream: ScriptedUpstream,
    environment: dict[str, str],
    answer: bytes,
    words: str,
) -> None:
    """The error says what the proxy did, and quotes nothing that it sent."""
    environment["https_proxy"] = upstream.origin
    tap = start_tap(upstream_of="https://127.0.0.1:7443", environment=environment)
    with tap.connect() as client:
        client.send(request())
        proxy = upstream.accept()
        proxy.take_head()
        proxy.send(answer)
        proxy.close()
        head, body = client.take_response()
    assert head.status == 502
    assert words.encode() in body
    assert b"secret" not in body
    assert b"SSH" not in body


def test_a_handshake_that_hangs_has_an_end(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, environment: dict[str, str]
) -> None:
    """An upstream that accepts connections and says nothing counts as unreachable after the time for connecting."""
    tap = start_tap(
        upstream_of=f"https://127.0.0.1:{upstream.port}", environment=environment, upstream_connect_timeout=0.3
    )
    with tap.connect() as client:
        client.send(request())
        upstream.accept()
        expect_unreachable(tap, client, "did not come about in time")


def test_a_close_delimited_answer_of_a_tls_upstream_is_whole(
    start_tap: Callable[..., RunningTap],
    upstream: ScriptedUpstream,
    certificate: Certificate,
    environment: dict[str, str],
) -> None:
    """A body that ends where the connection does is whole when TLS says goodbye."""
    tap = start_tap(upstream_of=f"https://127.0.0.1:{upstream.port}", environment=environment)
    with tap.connect() as client:
        client.send(request())
        peer = accept_tls(upstream.accept(), certificate)
        peer.take_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it")
        assert isinstance(peer.socket, ssl.SSLSocket)
        peer.socket.settimeout(PATIENCE)
        peer.socket = peer.socket.unwrap()
        peer.finish()
        head = client.take_head()
        assert client.take_chunks() == b"all of it"
    assert tap.captured(head).outcome == "complete"
