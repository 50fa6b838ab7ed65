"""The forward proxy on a port that speaks TLS: the client's TLS with the host is inside of its TLS with the proxy."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect as connect_websocket
from websockets.sync.server import serve as serve_websockets

from gemtap.tls import Certificate, local_certificate
from tests.wire.peers import PATIENCE, Head, Peer, ScriptedUpstream, chunk, eventually, request, response
from tests.wire.running_tap import RunningTap
from tests.wire.test_interception import HOST, NO_PROXIES, authority_of

URL = f"https://{HOST}/v1beta/models/gemini-2.5-flash:generateContent"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The port's own certificate."""
    return local_certificate(tmp_path_factory.mktemp("port"), ["localhost"])


@pytest.fixture(scope="module")
def module_tap(
    module_upstream: ScriptedUpstream, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTap]:
    tap = RunningTap(
        tmp_path_factory.mktemp("tls") / "data",
        module_upstream.origin,
        NO_PROXIES,
        tls_cert=certificate.certificate,
        tls_key=certificate.key,
        tunnel_private=True,
    )
    yield tap
    tap.close()


def client(tap: RunningTap, certificate: Certificate, inside: ssl.SSLContext, *, http2: bool = False) -> httpx.Client:
    proxy = httpx.Proxy(
        f"https://localhost:{tap.port}", ssl_context=ssl.create_default_context(cafile=certificate.authority)
    )
    return httpx.Client(proxy=proxy, verify=inside, http2=http2, timeout=PATIENCE)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_a_provider_is_recorded(
    tap: RunningTap, upstream: ScriptedUpstream, certificate: Certificate, version: str
) -> None:
    """TLS inside of TLS is ended, bodies pass whole in both directions, and each request is recorded."""
    inside = ssl.create_default_context(cafile=authority_of(tap))

    def serve() -> None:
        far = upstream.accept()
        for _ in range(2):
            far.take_request()
            far.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * 200_000))
            far.send(chunk(b"last") + b"0\r\n\r\n")

    serving = threading.Thread(target=serve)
    serving.start()
    with client(tap, certificate, inside, http2=version == "HTTP/2") as asking:
        for _ in range(2):
            answer = asking.post(URL, content=b"{}" + b" " * 300_000, headers={"x-goog-api-key": "canary"})
            assert (answer.status_code, answer.http_version, len(answer.content)) == (200, version, 200_004)
            captured = tap.capture_of(answer.headers["x-gemtap-id"])
            assert (captured.outcome, captured.request["via"]) == ("complete", "proxy")
    serving.join(PATIENCE)


def test_websockets_are_relayed(certificate: Certificate, start_tap: Callable[..., RunningTap]) -> None:
    """A session in a tunnel of a port with TLS."""

    def send_back(session: Any) -> None:
        for message in session:
            session.send(message)

    with serve_websockets(send_back, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        origin = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        tap = start_tap(
            upstream_of=origin,
            environment=NO_PROXIES,
            tls_cert=certificate.certificate,
            tls_key=certificate.key,
        )
        with connect_websocket(
            f"wss://{HOST}/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            ssl=ssl.create_default_context(cafile=authority_of(tap)),
            proxy=f"https://localhost:{tap.port}",
            proxy_ssl=ssl.create_default_context(cafile=certificate.authority),
        ) as session:
            session.send("hello")
            assert session.recv(PATIENCE) == "hello"
        captured = tap.only_capture()
        assert (captured.outcome, captured.request["via"]) == ("complete", "proxy")
        server.shutdown()
        serving.join(PATIENCE)


def test_plain_requests_to_other_hosts_are_forwarded(tap: RunningTap, certificate: Certificate) -> None:
    """An absolute http URL, over TLS as far as the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with Peer(server.accept()[0]) as far:
                far.take_head()
                far.send(response(body=b"plain"))

        serving = threading.Thread(target=serve)
        serving.start()
        with client(tap, certificate, ssl.create_default_context()) as asking:
            assert asking.get(f"http://127.0.0.1:{server.getsockname()[1]}/").content == b"plain"
        serving.join(PATIENCE)
    assert tap.ended() == {}


async def in_tunnel(
    tap: RunningTap, certificate: Certificate, inside: ssl.SSLContext, name: str, send: bytes
) -> tuple[int, bytes]:
    """The status and the answer to a request in a tunnel whose TLS is asked for a name."""
    outside = ssl.create_default_context(cafile=certificate.authority)
    reader, writer = await asyncio.open_connection("127.0.0.1", tap.port, ssl=outside, server_hostname="localhost")
    try:
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        await writer.start_tls(inside, server_hostname=name)
        writer.write(send)
        head = Head(await reader.readuntil(b"\r\n\r\n"))
        return head.status, await reader.readexactly(int(head.value(b"content-length") or 0))
    finally:
        writer.transport.abort()


def test_a_server_name_of_another_host_is_refused(tap: RunningTap, certificate: Certificate) -> None:
    """The name in the inner handshake is compared as well."""
    inside = ssl.create_default_context()
    inside.check_hostname, inside.verify_mode = False, ssl.CERT_NONE
    sent = request(host=HOST)
    status, body = asyncio.run(in_tunnel(tap, certificate, inside, "other.example", sent))
    assert status == 421
    assert b"other.example in the TLS handshake" in body


def test_a_client_that_does_not_trust_the_authority_is_named(tap: RunningTap, certificate: Certificate) -> None:
    """Its handshake fails as it should, and the log says what to do."""
    # It leaves without the alert that TLS has for this.
    with client(tap, certificate, ssl.create_default_context()) as asking, pytest.raises(httpx.ConnectError):
        asking.post(URL)
    eventually(lambda: "gemtap run" in tap.log.read_text() or None)


def test_other_hosts_are_tunnelled(tap: RunningTap, certificate: Certificate, tmp_path: Path) -> None:
    """The client sees the certificate of the host itself."""
    own = local_certificate(tmp_path, ["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(own.certificate, own.key)
            far = Peer(context.wrap_socket(server.accept()[0], server_side=True))
            far.take_head()
            far.send(response(body=b"z" * 500_000))
            far.close()

        serving = threading.Thread(target=serve)
        serving.start()
        with client(tap, certificate, ssl.create_default_context(cafile=own.authority)) as asking:
            assert len(asking.get(f"https://127.0.0.1:{server.getsockname()[1]}/").content) == 500_000
        serving.join(PATIENCE)
    assert tap.ended() == {}
