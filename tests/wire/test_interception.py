"""The tap as a forward proxy: TLS is ended for the hosts of providers, and everything else is a blind tunnel."""

from __future__ import annotations

import base64
import contextlib
import json
import resource
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.client import connect as connect_websocket
from websockets.sync.server import serve as serve_websockets

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import add
from gemtap.interception.authority import authority_in
from gemtap.providers.hosts import provider_domains
from gemtap.settings import Providers, ProviderSettings
from gemtap.tls import Certificate, certificate_builder, local_certificate
from tests.wire.peers import PATIENCE, Peer, ScriptedUpstream, chunk, eventually, request, response
from tests.wire.running_tap import RunningTap

HOST = "generativelanguage.googleapis.com"
NO_PROXIES = dict.fromkeys(("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "")


@pytest.fixture(scope="module")
def module_tap(module_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTap]:
    """A tap whose provider `gemini` has the test's upstream, and which leads to this machine."""
    tap = RunningTap(
        tmp_path_factory.mktemp("interception") / "data", module_upstream.origin, NO_PROXIES, tunnel_private=True
    )
    yield tap
    tap.close()


@pytest.fixture(scope="module")
def outgoing() -> Iterator[socket.socket]:
    """An outgoing proxy, which stands for the way to the real hosts."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """The origin of a server that sends back the messages of WebSockets."""

    def send_back(session: Any) -> None:
        for message in session:
            session.send(message)

    with serve_websockets(send_back, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        serving.join(PATIENCE)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the authority that signs for the real hosts."""
    folder = tmp_path_factory.mktemp("real")
    local_certificate(folder, [])
    return folder


@pytest.fixture(scope="module")
def strict(
    module_upstream: ScriptedUpstream,
    trusted: Path,
    outgoing: socket.socket,
    echo: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningTap]:
    """A tap that leads to no private address, behind an outgoing proxy, and counts no hosts."""
    tap = RunningTap(
        tmp_path_factory.mktemp("strict") / "data",
        module_upstream.origin,
        {
            **NO_PROXIES,
            "https_proxy": f"http://127.0.0.1:{outgoing.getsockname()[1]}",
            "SSL_CERT_FILE": str(trusted / "ca.pem"),
        },
        providers=Providers(
            vertex=ProviderSettings(upstream=module_upstream.origin), openai=ProviderSettings(upstream=echo)
        ),
        tunnel_hosts=False,
    )
    yield tap
    tap.close()


def authority_of(tap: RunningTap) -> Path:
    """The file of the tap's authority."""
    return authority_in(tap.settings.interception_folder, provider_domains()).files.certificate


def ask(client: Peer, target: str, *headers: str) -> int:
    """Send CONNECT. Returns the status."""
    client.send("\r\n".join([f"CONNECT {target} HTTP/1.1", f"Host: {target}", *headers, "", ""]).encode())
    return client.take_head().status


def begin_tls(client: Peer, tap: RunningTap, name: str = HOST, protocols: tuple[str, ...] = ()) -> ssl.SSLSocket:
    """Go through the client's side of a handshake, trusting the tap's authority alone."""
    context = ssl.create_default_context(cafile=authority_of(tap))
    context.set_alpn_protocols(protocols)
    client.socket = context.wrap_socket(client.socket, server_hostname=name)
    return client.socket


def intercepted(tap: RunningTap, target: str = f"{HOST}:443") -> Peer:
    """A connection to a provider's host through the tap."""
    client = tap.connect()
    assert ask(client, target) == 200
    begin_tls(client, tap)
    return client


def tunnels(tap: RunningTap) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{tap.port}/_gemtap/tunnels", timeout=PATIENCE) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def to_host(body: bytes = b"{}", host: str = HOST) -> bytes:
    return request(body=body, host=host)


# Hosts of providers ----------------------------------------------------------


def test_requests_to_a_host_of_a_provider_are_recorded(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """TLS is ended, several requests pass over the connection, streams chunk by chunk, and each is recorded."""
    with intercepted(tap) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        assert client.socket.getpeercert()["subjectAltName"] == (("DNS", HOST),)  # type: ignore[index]
        client.send(to_host())
        head, body = upstream.accept().take_request()
        assert (head.target, body) == ("/v1beta/models/gemini-2.5-flash:generateContent", b"{}")
        upstream.last.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first"))
        answer = client.take_head()
        assert client.take_chunk() == b"first"
        upstream.last.send(chunk(b"second") + b"0\r\n\r\n")
        assert client.take_chunks() == b"second"
        captured = tap.captured(answer)
        assert captured.outcome == "complete"
        assert (captured.request["provider"], captured.request["via"]) == ("gemini", "proxy")
        client.send(to_host(b"x" * 300_000))
        assert len(upstream.last.take_request()[1]) == 300_000
        upstream.last.send(response())
        assert client.take_response()[0].status == 200


def test_every_path_of_a_providers_host_goes_on(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """What is one of the tap's own paths, or unknown to the provider, is the provider's there."""
    with intercepted(tap) as client:
        for path in (b"/", b"/_gemtap/health", b"/nobody/knows/it?x=1"):
            client.send(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, HOST.encode()))
            peer = upstream.accept() if path == b"/" else upstream.last
            assert peer.take_request()[0].target == path.decode()
            peer.send(response(body=b"hello"))
            assert client.take_response()[1] == b"hello"


def test_the_handshake_and_the_request_may_arrive_at_once(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A client's last message of the handshake and its request in one segment: neither is lost."""
    with tap.connect() as client:
        assert ask(client, f"{HOST}:443") == 200
        context = ssl.create_default_context(cafile=authority_of(tap))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        for piece in (hello[:3], hello[3:70], hello[70:]):  # a ClientHello may come in pieces
            client.send(piece)
        while True:
            incoming.write(client.socket.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        tls.write(to_host())
        client.send(outgoing.read())
        assert upstream.accept().take_request()[1] == b"{}"
        upstream.last.send(response())


def test_absolute_urls_of_a_provider_are_recorded(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Some clients send a proxy the whole URL, also where it is https: those requests are recorded as well."""
    with tap.connect() as client:
        for scheme in (b"http", b"https"):
            client.send(to_host().replace(b"POST /", b"POST %b://%b/" % (scheme, HOST.encode())))
            peer = upstream.accept() if scheme == b"http" else upstream.last
            assert peer.take_request()[0].target == "/v1beta/models/gemini-2.5-flash:generateContent"
            peer.send(response())
            head, _ = client.take_response()
            assert tap.captured(head).request["via"] == "proxy"


def test_its_own_absolute_url_is_a_base_url(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A client that does not exempt localhost from its proxy reaches the base URL all the same."""
    with tap.connect() as client:
        client.send(request().replace(b"POST /", b"POST http://user:pass@localhost:%d/" % tap.port))
        assert upstream.accept().take_request()[0].target == "/v1beta/models/gemini-2.5-flash:generateContent"
        upstream.last.send(response())
        head, _ = client.take_response()
        assert "via" not in tap.captured(head).request


def test_websockets_are_relayed(strict: RunningTap) -> None:
    """A session over an intercepted connection, messages both ways, recorded."""
    host = "api.openai.com"
    strict.forget()
    client = strict.connect()
    assert ask(client, f"{host}:443") == 200
    context = ssl.create_default_context(cafile=authority_of(strict))
    url = f"wss://{host}/v1/realtime?model=gpt-realtime"
    key = {"Authorization": "Bearer canary"}
    with connect_websocket(url, sock=client.socket, ssl=context, additional_headers=key) as session:
        for message in ("hello", b"bytes"):
            session.send(message)
            assert session.recv(PATIENCE) == message
    captured = strict.only_capture()
    assert (captured.outcome, captured.request["provider"], captured.request["via"]) == ("complete", "openai", "proxy")
    assert b"canary" not in captured.bytes


# Names that do not agree -----------------------------------------------------


def test_a_host_header_of_another_host_is_refused_and_recorded(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """One certificate, another host: the request goes nowhere."""
    with intercepted(tap) as client:
        client.send(to_host(host="api.openai.com"))
        head, body = client.take_response()
        assert head.status == 421
        assert b"Host header api.openai.com" in body
        assert tap.captured(head).outcome == "refused"
        assert upstream.nobody_calls(0)


def test_a_server_name_of_another_host_is_refused_and_recorded(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """The name in the handshake is not that of CONNECT: who does not check the certificate is told."""
    with tap.connect() as client:
        assert ask(client, f"{HOST}:443") == 200
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.socket = context.wrap_socket(client.socket, server_hostname="other.example")
        client.send(to_host())
        head, body = client.take_response()
        assert head.status == 421
        assert b"other.example in the TLS handshake" in body
        assert tap.captured(head).outcome == "refused"
        assert upstream.nobody_calls(0)


# Everything else -------------------------------------------------------------


def test_other_hosts_pass_with_their_own_certificate(tap: RunningTap, tmp_path: Path) -> None:
    """TLS of a host that is no provider's is not ended: its certificate arrives, and nothing is recorded."""
    certificate = local_certificate(tmp_path, ["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as server, tap.connect() as client:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        assert ask(client, target) == 200
        far = Peer(server.accept()[0])
        data = ssl.create_default_context(cafile=certificate.authority)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = data.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        client.send(hello)
        assert far.take(len(hello)) == hello
        answer = _server_hello(certificate, hello)
        far.send(answer)
        assert client.take(len(answer)) == answer
        far.close()
        assert client.is_closed()
    assert tap.ended() == {}
    assert eventually(lambda: tunnels(tap)["hosts"].get("127.0.0.1"))["bytes"] >= len(hello) + len(answer)


def _server_hello(certificate: Certificate, hello: bytes) -> bytes:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("closes", ["client", "server"])
def test_one_side_may_end_its_sending(tap: RunningTap, closes: str) -> None:
    """The end of one direction passes, and the other direction goes on."""
    with socket.create_server(("127.0.0.1", 0)) as server, tap.connect() as client:
        assert ask(client, f"127.0.0.1:{server.getsockname()[1]}") == 200
        far = Peer(server.accept()[0])
        one, other = (client, far) if closes == "client" else (far, client)
        one.send(b"last words")
        one.finish()
        assert other.take_rest() == b"last words"
        other.send(b"a late answer")
        other.close()
        assert one.take_rest() == b"a late answer"
        far.close()


def test_a_slow_reader_slows_the_sender(tap: RunningTap) -> None:
    """A tunnel does not gather what one side sends and the other does not take; none of it is lost."""
    size = 64 * 2**20
    with socket.create_server(("127.0.0.1", 0)) as server, tap.connect() as client:
        assert ask(client, f"127.0.0.1:{server.getsockname()[1]}") == 200
        far = server.accept()[0]
        far.settimeout(1.0)
        block, sent = b"z" * 2**16, 0
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += far.send(block)
        assert sent < size
        far.settimeout(PATIENCE)
        far.shutdown(socket.SHUT_WR)
        assert len(client.take_rest()) == sent
        far.close()


def test_a_server_that_speaks_first_is_heard(tap: RunningTap) -> None:
    """Other protocols than TLS begin with a greeting of the server."""
    with socket.create_server(("127.0.0.1", 0)) as server, tap.connect() as client:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        client.send(f"CONNECT {target} HTTP/1.1\r\n\r\nimpatient".encode())
        far = Peer(server.accept()[0])
        far.send(b"220 welcome\r\n")
        assert client.take_head().status == 200
        assert client.take_until(b"\r\n") == b"220 welcome\r\n"
        assert far.take(9) == b"impatient"
        far.close()


def test_plain_requests_to_other_hosts_are_forwarded_unrecorded(tap: RunningTap) -> None:
    """A request with an absolute http URL reaches its host, with its body, and leaves no record."""
    with socket.create_server(("127.0.0.1", 0)) as server, tap.connect() as client:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        client.send(f"POST http://{address}/a?b=c HTTP/1.1\r\nHost: {address}\r\nContent-Length: 3\r\n\r\nabc".encode())
        far = Peer(server.accept()[0])
        head, body = far.take_request()
        assert (head.first, head.value(b"host"), body) == ("POST /a?b=c HTTP/1.1", address.encode(), b"abc")
        far.send(response(body=b"hello"))
        assert client.take_response()[1] == b"hello"
        far.close()
    assert tap.ended() == {}


def test_a_protocol_that_is_not_http_is_tunnelled(strict: RunningTap, outgoing: socket.socket) -> None:
    """What offers neither HTTP/1.1 nor HTTP/2 keeps its TLS, and the log says so."""
    with strict.connect() as client:
        assert ask(client, f"{HOST}:443") == 200
        context = ssl.create_default_context()
        context.set_alpn_protocols(["acme-tls/1"])
        incoming, outgoing_bytes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing_bytes, server_hostname=HOST)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing_bytes.read()
        client.send(hello)
        far = accept_tunnel(outgoing, f"{HOST}:443")
        assert far.take(len(hello)) == hello
        far.close()
    assert "offers only acme-tls/1" in strict.log.read_text()


def accept_tunnel(outgoing: socket.socket, target: str) -> Peer:
    """The far end of a tunnel through the outgoing proxy."""
    outgoing.settimeout(PATIENCE)
    far = Peer(outgoing.accept()[0])
    assert far.take_head().first == f"CONNECT {target} HTTP/1.1"
    far.send(b"HTTP/1.1 200 OK\r\n\r\n")
    return far


def test_tunnels_go_through_the_outgoing_proxy(strict: RunningTap, outgoing: socket.socket) -> None:
    """Other hosts are reached by the environment's proxy, and only totals are counted if the settings say so."""
    with strict.connect() as client:
        client.send(b"CONNECT elsewhere.example:443 HTTP/1.1\r\n\r\n")
        far = accept_tunnel(outgoing, "elsewhere.example:443")
        assert client.take_head().status == 200
        client.send(b"unread")
        assert far.take(6) == b"unread"
        far.close()
        assert client.is_closed()
    eventually(lambda: tunnels(strict)["bytes"] or None)
    assert tunnels(strict)["hosts"] is None


# Who may use it --------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_it_leads_to_no_private_address(strict: RunningTap, host: str) -> None:
    """Neither CONNECT nor an absolute URL reaches this machine, its network or a cloud's metadata."""
    with strict.connect() as client:
        assert ask(client, f"{host}:80") == 403
    with strict.connect() as client:
        client.send(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head, body = client.take_response()
        assert head.status == 403
        assert b"tunnel_private" in body


def test_it_can_be_off(start_tap: Callable[..., RunningTap]) -> None:
    """Without a forward proxy, both forms are answered with an error that says so."""
    tap = start_tap(forward_proxy="off")
    with tap.connect() as client:
        assert ask(client, f"{HOST}:443") == 405
    with tap.connect() as client:
        client.send(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert b"forward_proxy" in client.take_response()[1]


def test_a_page_reaches_nothing_through_it(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A page whose name points here, or that calls this port, sends paths: they are no use of the forward proxy."""
    with tap.connect() as client:
        client.send(request(host="rebound.example"))
        assert client.take_response()[0].status == 403
    with tap.connect() as client:
        client.send(b"GET /http://10.0.0.1/ HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n")
        assert client.take_response()[0].status == 403
    with tap.connect() as client:
        client.send(b"GET /_gemtap/tunnels HTTP/1.1\r\nHost: rebound.example\r\n\r\n")
        assert client.take_response()[0].status == 403
    assert upstream.nobody_calls(0)


@pytest.mark.parametrize("target", ["", "nonsense", "host:0", "host:99999", "a@b:443", "http://x/"])
def test_targets_that_are_none_are_refused(tap: RunningTap, target: str) -> None:
    """CONNECT needs a host and a port."""
    with tap.connect() as client:
        assert ask(client, target) in (400, 404)


# Hostile clients and upstreams -----------------------------------------------


def test_clients_that_hang_in_the_handshake_are_let_go(tap: RunningTap) -> None:
    """Before the ClientHello, and in the middle of the handshake."""
    with tap.connect() as silent, tap.connect() as stuck:
        assert ask(silent, f"{HOST}:443") == 200
        assert ask(stuck, f"{HOST}:443") == 200
        context = ssl.create_default_context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
        stuck.send(outgoing.read())
        silent.take_rest()
        stuck.take_rest()


def test_a_client_that_leaves_in_the_handshake_leaves_nothing(start_tap: Callable[..., RunningTap]) -> None:
    """It says nothing, is not taken for one whose TLS was ended, and is not waited for when Gemtap ends."""
    tap = start_tap(environment=NO_PROXIES)
    with tap.connect() as client:
        assert ask(client, f"{HOST}:443") == 200
        context = ssl.create_default_context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
        client.send(outgoing.read())
        client.take(5)  # the answer has begun
    eventually(lambda: "ended its TLS handshake" in tap.log.read_text() or None)
    assert tunnels(tap)["intercepted"] == 0
    assert tap.stop() == 0


def test_a_client_that_does_not_trust_the_authority_is_named(tap: RunningTap) -> None:
    """Its handshake fails as it should, and the log says what to do."""
    with tap.connect() as client:
        assert ask(client, f"{HOST}:443") == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(client.socket, server_hostname=HOST)
    eventually(lambda: "gemtap run" in tap.log.read_text() or None)


@pytest.mark.parametrize("fault", ["unknown authority", "expired", "another host"])
def test_a_wrong_certificate_of_the_upstream_fails(
    strict: RunningTap, trusted: Path, outgoing: socket.socket, tmp_path: Path, fault: str
) -> None:
    """What the client would have refused, Gemtap refuses, and says so; nothing is sent."""
    folder = tmp_path if fault == "unknown authority" else trusted
    made = upstream_certificate(folder, "else.example" if fault == "another host" else HOST, expired=fault == "expired")
    with intercepted(strict) as client:
        client.send(to_host())
        far = accept_tunnel(outgoing, f"{HOST}:443")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(made)
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(far.socket, server_side=True)
        head, body = client.take_response()
        assert head.status == 502
        assert f"certificate of {HOST} is not valid".encode() in body
        assert strict.captured(head).outcome == "upstream_unreachable"
        far.close()


def test_a_right_certificate_of_the_upstream_is_accepted(
    strict: RunningTap, trusted: Path, outgoing: socket.socket
) -> None:
    """The real host gets the request over TLS, and the answer is recorded."""
    with intercepted(strict) as client:
        client.send(to_host())
        far = accept_tunnel(outgoing, f"{HOST}:443")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(upstream_certificate(trusted, HOST))
        far.socket = context.wrap_socket(far.socket, server_side=True)
        head, _ = far.take_request()
        assert (head.target, head.value(b"host")) == (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            HOST.encode(),
        )
        far.send(response())
        answer, _ = client.take_response()
        assert strict.captured(answer).request["upstream"] == f"https://{HOST}"
        far.close()


def upstream_certificate(folder: Path, host: str, *, expired: bool = False) -> Path:
    """A certificate of the authority in a folder, with its key."""
    authority = local_certificate(folder, [])
    assert authority.authority is not None
    signer = serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.authority.read_bytes()).subject
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        certificate_builder(subject, issuer, key, -0.5 if expired else 1)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / f"{host}-{expired}.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


def test_a_thousand_tunnels(tap: RunningTap) -> None:
    """Many tunnels at once each carry their own bytes, and are gone afterwards."""
    for pid in (0, tap.process.pid):  # `gemtap serve` does that for its processes
        _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        pairs = []
        for _ in range(1_000):
            client = tap.connect()
            assert ask(client, target) == 200
            pairs.append((client, Peer(server.accept()[0])))
        assert tunnels(tap)["open"] >= 1_000
        for number, (client, far) in enumerate(pairs):
            client.send(b"%06d" % number)
            assert far.take(6) == b"%06d" % number
            client.close()
        for _, far in pairs:
            assert far.take_rest() == b""
            far.close()
    eventually(lambda: tunnels(tap)["open"] == 0 or None)


def test_there_is_an_end_to_tunnels(start_tap: Callable[..., RunningTap]) -> None:
    """A further one is refused, and admitted once another has ended. Intercepted connections are no tunnels."""
    tap = start_tap(environment=NO_PROXIES, tunnel_private=True, tunnel_max=2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        first, second = tap.connect(), tap.connect()
        assert (ask(first, target), ask(second, target)) == (200, 200)
        ends = [server.accept()[0] for _ in range(2)]
        with tap.connect() as third:
            third.send(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            head, body = third.take_response()
            assert head.status == 503
            assert b"2 open tunnels" in body
        # A provider's client that cannot be read needs one as well, and was told already that it has it.
        with tap.connect() as unread:
            assert ask(unread, f"{HOST}:443") == 200
            unread.send(b"no TLS at all")
            assert unread.take_rest() == b""
        with intercepted(tap):
            assert tunnels(tap)["open"] == 2
        for peer in (first, second):
            peer.close()
        for end in ends:
            end.close()
        eventually(lambda: tunnels(tap)["open"] == 0 or None)
        with tap.connect() as fourth:
            assert ask(fourth, target) == 200


def test_a_redirected_provider_is_reached_where_its_base_url_leads(
    strict: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Every host of a provider goes to the upstream that the settings name."""
    host = "europe-west4-aiplatform.googleapis.com"
    with strict.connect() as client:
        assert ask(client, f"{host}:443") == 200
        begin_tls(client, strict, host)
        client.send(to_host(host=host))
        upstream.accept().take_request()
        upstream.last.send(response())
        head, _ = client.take_response()
        assert strict.captured(head).request["provider"] == "vertex"


def test_access_keys_admit_clients(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """Where access keys are in use, the forward proxy needs one, and its user is recorded."""
    data_dir = tmp_path / "data"
    now = datetime.now(UTC)
    key = KeyFile(data_dir).change(lambda before: add(before, "ana", "member", now + timedelta(days=1), now))
    tap = start_tap(data_dir=data_dir, environment=NO_PROXIES)
    with tap.connect() as client:
        client.send(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        head, body = client.take_response()
        assert (head.status, head.value(b"proxy-authenticate")) == (407, b'Basic realm="Gemtap"')
        assert b"gemtap keys add" in body
    shown = base64.b64encode(f"{key}:".encode()).decode()
    with tap.connect() as client:
        assert ask(client, f"{HOST}:443", f"Proxy-Authorization: Basic {shown}") == 200
        begin_tls(client, tap)
        client.send(request("/v1beta/models", "x-goog-api-key: canary", method="GET", body=b"", host=HOST))
        head, _ = upstream.accept().take_request()
        assert head.value(b"x-goog-api-key") == b"canary"
        upstream.last.send(response())
        head, _ = client.take_response()
        captured = tap.captured(head)
        assert captured.request["user"] == "ana"
        assert key.encode() not in captured.bytes
