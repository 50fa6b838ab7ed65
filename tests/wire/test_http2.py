"""HTTP/2 inside of intercepted tunnels: each stream is an exchange of its own, recorded like any other."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, InformationalResponseReceived, StreamEnded
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, GoAwayFrame, HeadersFrame, PingFrame
from hypothesis import given
from hypothesis import strategies as st

from gemtap.interception.authority import authority_in
from gemtap.providers.hosts import provider_domains
from gemtap.tap.http2.library import MAX_STREAMS
from tests.wire.http2_client import HOST, PATH, Http2Client, as_head, tunnel
from tests.wire.peers import PATIENCE, Peer, ScriptedUpstream, chunk, eventually, response
from tests.wire.running_tap import RunningTap
from tests.wire.test_interception import NO_PROXIES

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def outgoing() -> Iterator[socket.socket]:
    """An outgoing proxy, which stands for the way to the real hosts."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(PATIENCE)
        yield proxy


@pytest.fixture(scope="module")
def module_tap(
    module_upstream: ScriptedUpstream, outgoing: socket.socket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTap]:
    environment = {**NO_PROXIES, "https_proxy": f"http://127.0.0.1:{outgoing.getsockname()[1]}"}
    tap = RunningTap(tmp_path_factory.mktemp("http2") / "data", module_upstream.origin, environment)
    yield tap
    tap.close()


@pytest.fixture
def client(tap: RunningTap) -> Iterator[Http2Client]:
    client = Http2Client(tap)
    yield client
    client.close()


def certificate_of(tap: RunningTap) -> Path:
    return authority_in(tap.settings.interception_folder, provider_domains()).files.certificate


# Exchanges -------------------------------------------------------------------


def test_streams_of_one_connection_are_exchanges(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Two at once, answered the other way round, each recorded with its own body."""
    first = client.ask(b'{"a":1}', ("content-type", "application/json"), ("x-goog-api-key", "canary"))
    one = upstream.accept()
    head, body = one.take_request()
    assert (head.first, body) == (f"POST {PATH} HTTP/1.1", b'{"a":1}')
    assert head.value(b"x-goog-api-key") == b"canary"
    second = client.ask(None, method="GET", path="/v1beta/models?pageSize=2")
    other = upstream.accept()
    assert other.take_request()[0].first == "GET /v1beta/models?pageSize=2 HTTP/1.1"
    other.send(response("X-Upper: Case", body=b'{"models":[]}'))
    status, fields = client.head(second)
    assert (status, fields["x-upper"], client.body(second)) == (200, "Case", b'{"models":[]}')
    one.send(response(status="429 Too Many Requests", body=b"{}"))
    assert client.head(first)[0] == 429
    assert client.body(first) == b"{}"
    captured = tap.captured(as_head(fields))
    assert captured.outcome == "complete"
    seen = captured.request
    assert (seen["method"], seen["http_version"], seen["via"], seen["provider"]) == ("GET", "2", "proxy", "gemini")
    assert dict(seen["headers"])[b"host"] == HOST.encode()
    assert eventually(lambda: tap.ended() if len(tap.ended()) == 2 else None)
    assert all(b"canary" not in capture for capture in tap.ended().values())


def test_an_answer_is_passed_on_piece_by_piece(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """Each chunk as it comes; interim answers before it."""
    number = client.ask()
    far = upstream.accept()
    far.take_request()
    far.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + STREAM + chunk(b"first"))
    assert dict(client.wait_for(InformationalResponseReceived, number).headers)[b":status"] == b"103"
    assert client.head(number)[0] == 200
    assert client.piece(number) == b"first"
    far.send(chunk(b"second"))
    assert client.piece(number) == b"second"
    far.send(b"0\r\nX-Trailer: t\r\n\r\n")
    client.wait_for(StreamEnded, number)


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Same")])
def test_answers_without_a_body(client: Http2Client, upstream: ScriptedUpstream, method: str, status: str) -> None:
    """Their stream ends with the head, whatever length it tells."""
    number = client.ask(None, method=method, path="/v1beta/models")
    far = upstream.accept()
    far.take_request()
    far.send(f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n".encode())
    assert client.head(number)[0] == int(status[:3])
    assert client.body(number) == b""


def test_bodies_of_unknown_length(client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """HTTP/2 tells no length where the end is marked: all of it is forwarded and recorded, trailers are dropped."""
    number = client.ask(b"x" * 10_000, ends=False)
    far = upstream.accept()
    head = far.take_head()
    assert head.value(b"transfer-encoding") == b"chunked"
    received = bytearray()
    while len(received) < 10_000:
        received += far.take_chunk()
    client.h2.send_data(number, b"last")
    client.h2.send_headers(number, [("x-trailer", "t")], end_stream=True)
    client.flush()
    assert bytes(received) + far.take_chunks() == b"x" * 10_000 + b"last"
    far.send(response())
    _, fields = client.head(number)
    assert tap.captured(as_head(fields)).body("request") == b"x" * 10_000 + b"last"
    # One that is whole at once is sent with its length.
    client.ask(b"whole")
    head, body = far.take_request()
    assert (head.value(b"content-length"), body) == (b"5", b"whole")


def test_httpx(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A client of its own, whose HTTP/2 is on."""
    context = ssl.create_default_context(cafile=certificate_of(tap))

    def serve() -> None:
        far = upstream.accept()
        for number in range(3):
            far.take_request()
            far.send(response(body=b"%d" % number * 100_000))

    serving = threading.Thread(target=serve)
    serving.start()
    with httpx.Client(http2=True, verify=context, proxy=f"http://127.0.0.1:{tap.port}", timeout=PATIENCE) as client:
        for number in range(3):
            answer = client.post(f"https://{HOST}{PATH}", json={"number": number})
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
            assert answer.content == b"%d" % number * 100_000
    serving.join(PATIENCE)


# Flow control ----------------------------------------------------------------


def test_a_client_that_takes_nothing_slows_its_own_upstream(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Its stream waits in the upstream, not in memory; others go on; then all of it arrives."""
    client.h2.increment_flow_control_window(2**24)  # of the connection, so that the stream's own is what is full
    client.takes_bodies = False
    slow = client.ask()
    far = upstream.accept()
    far.take_request()
    size = 32 * 2**20
    far.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    sent = fill(far, size)
    assert sent < size
    quick = client.ask(None, method="GET", path="/v1beta/models")
    other = upstream.accept()
    other.take_request()
    other.send(response(body=b"quick"))
    assert client.head(quick)[0] == 200
    assert client.body(quick) == b"quick"
    client.takes_bodies = True
    client.h2.increment_flow_control_window(2**24, slow)
    client.flush()
    rest = threading.Thread(target=far.send, args=(b"z" * (size - sent),))
    rest.start()
    assert len(client.body(slow)) == size
    rest.join()


def fill(far: Peer, size: int) -> int:
    """Send until nobody takes more. Returns how much that was."""
    far.socket.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < size:
            sent += far.socket.send(b"z" * 2**16)
    far.socket.settimeout(PATIENCE)
    return sent


def test_a_slow_upstream_slows_its_own_client(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """The windows stop a client whose upstream takes nothing, and another stream goes on."""
    size = 32 * 2**20
    slow = client.ask(b"u" * 1_000, ("content-length", str(size)), ends=False)
    far = upstream.accept()
    far.take_head()
    sent = 1_000

    def send_while_allowed() -> None:
        nonlocal sent
        while sent < size and (room := client.h2.local_flow_control_window(slow)) > 0:
            piece = b"u" * min(room, client.h2.max_outbound_frame_size, size - sent)
            client.h2.send_data(slow, piece, end_stream=sent + len(piece) == size)
            sent += len(piece)
            client.flush()

    client.peer.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            send_while_allowed()
            client.receive()
    client.peer.socket.settimeout(PATIENCE)
    assert sent < size
    quick = client.ask(b"quick")
    other = upstream.accept()
    assert other.take_request()[1] == b"quick"
    other.send(response())
    assert client.head(quick)[0] == 200
    taking = threading.Thread(target=far.take, args=(size,))
    taking.start()
    while sent < size:
        send_while_allowed()
        if sent < size:
            client.receive()
    taking.join()
    far.send(response())
    assert client.head(slow)[0] == 200


# Ends ------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [False, True])
def test_a_cancelled_stream_ends_its_request(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream, answered: bool
) -> None:
    """The upstream stops at once, and the record says who left. The connection serves other streams."""
    number = client.ask()
    far = upstream.accept()
    far.take_request()
    if answered:
        far.send(STREAM + chunk(b"some"))
        assert client.piece(number) == b"some"
    client.h2.reset_stream(number, ErrorCodes.CANCEL)
    client.flush()
    assert far.is_closed()
    assert tap.only_capture().outcome == "client_disconnected"
    again = client.ask(b"again")
    assert upstream.accept().take_request()[1] == b"again"
    upstream.last.send(response())
    assert client.head(again)[0] == 200


def test_a_client_that_leaves_ends_all_its_requests(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """The connection breaks: so do all of its upstream requests."""
    peers = []
    for _ in range(3):
        client.ask()
        peers.append(upstream.accept())
        peers[-1].take_request()
    client.peer.reset()
    assert all(peer.is_closed() for peer in peers)
    eventually(lambda: len(tap.ended()) == 3 or None)


def test_an_upstream_that_breaks_off_breaks_the_stream(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Never a clean end. Before the answer has begun, it is an error that says so."""
    number = client.ask()
    far = upstream.accept()
    far.take_request()
    far.send(STREAM + chunk(b"some"))
    _, fields = client.head(number)
    far.close()
    assert client.reset_code(number) == ErrorCodes.INTERNAL_ERROR
    assert tap.captured(as_head(fields)).outcome == "upstream_disconnected"
    number = client.ask()
    far = upstream.accept()
    far.take_request()
    far.close()
    status, _ = client.head(number)
    assert status == 502
    assert b"closed the connection" in client.body(number)


def test_an_answer_before_the_request_is_whole(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """The client need not send the rest."""
    number = client.ask(b"begun", ("content-length", "1000"), ends=False)
    far = upstream.accept()
    far.take_head()
    far.send(response(status="413 Too Large", body=b"no"))
    assert client.head(number)[0] == 413
    assert client.reset_code(number) == ErrorCodes.NO_ERROR


def test_a_client_that_says_goodbye_gets_its_answers(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """Node.js announces that it will ask no more, and waits."""
    number = client.ask()
    far = upstream.accept()
    far.take_request()
    client.send_frames(GoAwayFrame(0))
    far.send(response(body=b"hello"))
    assert client.head(number)[0] == 200
    assert client.body(number) == b"hello"
    with pytest.raises(EOFError):
        client.receive()


def test_shutdown_lets_streams_finish(start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream) -> None:
    """GOAWAY tells the client to ask no more here; what is under way is answered, later streams are refused."""
    tap = start_tap(environment=NO_PROXIES)
    client = Http2Client(tap)
    number = client.ask()
    far = upstream.accept()
    far.take_request()
    far.send(STREAM + chunk(b"first"))
    assert client.piece(number) == b"first"
    tap.process.terminate()
    client.wait_for(ConnectionTerminated)
    late = client.ask()
    assert client.reset_code(late) == ErrorCodes.REFUSED_STREAM
    far.send(chunk(b"second") + b"0\r\n\r\n")
    assert client.body(number) == b"second"
    with pytest.raises(EOFError):
        client.receive()
    client.close()
    assert tap.stop() == 0
    assert tap.only_capture().outcome == "complete"


# Names that do not agree, and what cannot be forwarded -----------------------


def test_an_authority_of_another_host_is_refused_and_recorded(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """One certificate, another host: the request goes nowhere."""
    number = client.ask(host="api.openai.com")
    status, fields = client.head(number)
    assert status == 421
    assert tap.captured(as_head(fields)).outcome == "refused"
    assert upstream.nobody_calls(0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "GE T"},
        {"method": "CONNECT"},
        {"path": "nonsense"},
        {"path": "*", "method": "OPTIONS"},
    ],
    ids=str,
)
def test_requests_that_cannot_be_forwarded(tap: RunningTap, upstream: ScriptedUpstream, wrong: dict[str, str]) -> None:
    """Their stream, or their connection, is broken off."""
    client = Http2Client(tap)
    number = client.ask(None, **wrong)  # type: ignore[arg-type]
    assert is_refused(client, number)
    assert upstream.nobody_calls(0)
    client.close()


@pytest.mark.parametrize(
    "header",
    [
        ("content-length", "+2"),
        ("content-length", "1_0"),
        ("transfer-encoding", "chunked"),
        ("bad name", "x"),
        ("x", "line\r\nbreak: yes"),
        ("x(y)", "no token"),
    ],
    ids=str,
)
def test_headers_that_would_mean_something_else(
    tap: RunningTap, upstream: ScriptedUpstream, header: tuple[str, str]
) -> None:
    """What HTTP/1.1 would take for a different request is never forwarded."""
    client = Http2Client(tap)
    number = client.ask(b"{}", header)
    assert is_refused(client, number)
    assert upstream.nobody_calls(0)
    client.close()


def test_two_lengths(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """Two servers would each believe another one."""
    assert is_refused(client, client.ask(b"{}", ("content-length", "2"), ("content-length", "50")))
    assert upstream.nobody_calls(0)


def is_refused(client: Http2Client, number: int) -> bool:
    """Whether the tap breaks off the stream, or the whole connection, with a protocol error."""
    while True:
        with contextlib.suppress(IndexError):
            events = [each for each in client._events if type(each).__name__ in ("StreamReset", "ConnectionTerminated")]
            assert events[0].error_code == ErrorCodes.PROTOCOL_ERROR  # type: ignore[attr-defined]
            return True
        client.receive()


# gRPC ------------------------------------------------------------------------


def test_grpc_is_tunnelled_after_one_refusal(tap: RunningTap, outgoing: socket.socket) -> None:
    """A client that offers HTTP/2 alone is told to send its first request again, and has a tunnel from then on."""
    host = "aiplatform.googleapis.com"
    client = Http2Client(tap, ("h2",), host)
    number = client.ask(b"\0\0\0\0\0", ("content-type", "application/grpc+proto"), ("te", "trailers"), host=host)
    assert client.wait_for(ConnectionTerminated).last_stream_id == 0
    client.close()
    assert number == 1
    assert is_tunnelled(tap, outgoing, host)
    # Others are read as before.
    Http2Client(tap, host=host).close()
    assert "gRPC" in tap.log.read_text()


def test_a_grpc_client_that_does_not_trust_the_authority_is_tunnelled(tap: RunningTap, outgoing: socket.socket) -> None:
    """gRPC has certificates of its own: its next attempt is not in the way of Gemtap's."""
    host = "europe-west1-aiplatform.googleapis.com"
    peer = tap.connect()
    peer.send(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    assert peer.take_head().status == 200
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(peer.socket, server_hostname=host)
    peer.close()
    eventually(lambda: "ended its TLS handshake" in tap.log.read_text() or None)
    assert is_tunnelled(tap, outgoing, host)


def is_tunnelled(tap: RunningTap, outgoing: socket.socket, host: str) -> bool:
    """Whether the handshake of a client that offers HTTP/2 alone reaches the host itself."""
    seen: list[bytes] = []

    def far_end() -> None:
        with Peer(outgoing.accept()[0]) as far:
            seen.append(far.take_head().first.encode())
            far.send(b"HTTP/1.1 200 OK\r\n\r\n")
            seen.append(far.take(1))

    serving = threading.Thread(target=far_end)
    serving.start()
    with pytest.raises((ssl.SSLError, OSError)):
        tunnel(tap, ("h2",), host)
    serving.join(PATIENCE)
    return seen == [f"CONNECT {host}:443 HTTP/1.1".encode(), b"\x16"]


def test_grpc_of_clients_that_also_speak_http1_is_refused(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """They would be read again: the status of gRPC says what to do."""
    number = client.ask(b"\0\0\0\0\0", ("content-type", "application/grpc"))
    status, fields = client.head(number)
    assert (status, fields["grpc-status"]) == (200, "12")
    assert "REST" in fields["grpc-message"]
    # gRPC-Web is plain HTTP.
    client.ask(b"web", ("content-type", "application/grpc-web+proto"))
    assert upstream.accept().take_request()[1] == b"web"


# Hostile clients -------------------------------------------------------------


def ends_with(client: Http2Client, code: ErrorCodes) -> bool:
    """Whether the tap closes the connection with this reason."""
    return client.wait_for(ConnectionTerminated).error_code == code


def test_a_head_that_is_too_large(client: Http2Client) -> None:
    """More than 256 KB of headers, small as they may be when compressed."""
    big = [(f"x-{number}", "v" * 8_000) for number in range(40)]
    with contextlib.suppress(OSError):
        client.ask(None, *big, method="GET")
    assert ends_with(client, ErrorCodes.ENHANCE_YOUR_CALM)


def test_a_flood_of_continuations(client: Http2Client) -> None:
    """Parts of a head that never ends."""
    with contextlib.suppress(OSError):
        client.send_frames(HeadersFrame(1, data=b""))
        for _ in range(200):
            client.send_frames(ContinuationFrame(1, data=b"\0\1a\1b" * 1_000))
    assert client.wait_for(ConnectionTerminated).error_code != ErrorCodes.NO_ERROR


def test_streams_that_are_opened_and_cancelled(
    client: Http2Client, tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Those that are cancelled at once never reach the upstream, and there is an end to it."""
    with contextlib.suppress(OSError, ProtocolError):
        for _ in range(1_500):
            number = client.h2.get_next_available_stream_id()
            fields = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/v1beta/models")]
            client.h2.send_headers(number, fields, end_stream=True)
            client.h2.reset_stream(number, ErrorCodes.CANCEL)
        client.flush()
    assert ends_with(client, ErrorCodes.ENHANCE_YOUR_CALM)
    assert tap.health()["status"] == "ok"


def test_more_streams_than_allowed(client: Http2Client, upstream: ScriptedUpstream) -> None:
    """The settings say how many there may be at a time."""
    while client.h2.remote_settings.max_concurrent_streams != MAX_STREAMS:
        client.receive()
    client.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = MAX_STREAMS + 10
    client.h2.remote_settings.acknowledge()
    with contextlib.suppress(OSError, ProtocolError):
        for _ in range(MAX_STREAMS + 1):
            client.ask(b"", ends=False)
    assert ends_with(client, ErrorCodes.PROTOCOL_ERROR)


def test_pings_whose_answers_nobody_takes(client: Http2Client, tap: RunningTap) -> None:
    """The answers do not gather for ever."""
    pings = PingFrame(0, opaque_data=b"12345678").serialize() * 4_000
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while True:
            client.peer.send(pings)
    assert tap.health()["status"] == "ok"


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 255), st.integers(0, 9), st.binary(max_size=40)), max_size=8)
)
def test_any_frames(module_tap: RunningTap, frames: list[tuple[int, int, int, bytes]]) -> None:
    """Whatever follows the settings, the tap closes the connection or waits, and serves the next."""
    client = Http2Client(module_tap)
    with contextlib.suppress(OSError):
        for kind, flags, stream, payload in frames:
            head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
            client.peer.send(head + payload)
    client.close()
    assert module_tap.health()["status"] == "ok"
