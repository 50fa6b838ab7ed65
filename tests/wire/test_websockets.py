"""Real WebSocket sessions through the tap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol
from websockets.utils import accept_key

from tests.wire.peers import PATIENCE, ScriptedUpstream, eventually, request
from tests.wire.running_tap import Captured, RunningTap

LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SECRET = "AIzaSyCanary-0123456789_abcdefghijklmnop"


class LiveUpstream:
    """A WebSocket server that runs the test's script in each session."""

    def __init__(self) -> None:
        self.script: Callable[[ServerConnection], None] = lambda session: None
        self.requests: Queue[Request] = Queue()
        self._server: Server = serve(
            self._run,
            "127.0.0.1",
            0,
            max_size=None,
            compression="deflate",
            select_subprotocol=lambda session, offered: next((each for each in offered if each == "second"), None),
            process_request=self._refuse_strangers,
            process_response=_add_headers,
        )
        self.origin = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _refuse_strangers(self, session: ServerConnection, request: Request) -> Response | None:
        if "refuse" in request.path:
            body = b'{"error": {"code": 401, "message": "no"}}'
            headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return Response(401, "Unauthorized", headers, body)
        if "redirect" in request.path:
            return Response(302, "Found", Headers([("Location", "/elsewhere"), ("Content-Length", "0")]), b"")
        self.requests.put(request)
        return None

    def _run(self, session: ServerConnection) -> None:
        try:
            self.script(session)
        except ConnectionClosed:
            pass

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)


def _add_headers(session: ServerConnection, request: Request, response: Response) -> None:
    response.headers["X-Upstream"] = "live"


@pytest.fixture(scope="module")
def live() -> Iterator[LiveUpstream]:
    live = LiveUpstream()
    yield live
    live.close()


@pytest.fixture(scope="module")
def live_tap(live: LiveUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTap]:
    tap = RunningTap(tmp_path_factory.mktemp("live") / "data", live.origin, capture_max_body=8 * 2**20)
    yield tap
    tap.close()


def session(tap: RunningTap, target: str = LIVE, **options: Any) -> ClientConnection:
    options.setdefault("max_size", None)
    client: ClientConnection = connect(f"ws://127.0.0.1:{tap.port}{target}", open_timeout=PATIENCE, **options)
    return client


def capture_of(tap: RunningTap, client: ClientConnection) -> Captured:
    assert client.response is not None
    return tap.capture_of(client.response.headers["x-gemtap-id"])


def messages(capture: Captured) -> list[tuple[str, str | bytes]]:
    return [(event.kind, event.value) for event in capture.events if event.kind.startswith("ws.")]


def test_messages_pass_both_ways_as_what_they_are(live_tap: RunningTap, live: LiveUpstream) -> None:
    """Text messages stay text and binary messages binary: the Live API sends JSON in binary messages."""

    def script(session: ServerConnection) -> None:
        assert session.recv() == '{"setup":{}}'
        session.send(b'{"setupComplete":{}}')
        assert session.recv() == b"\x00\xff"
        session.send("thanks")
        session.close(1000, "done")

    live.script = script
    with session(live_tap) as client:
        client.send('{"setup":{}}')
        assert client.recv() == b'{"setupComplete":{}}'
        client.send(b"\x00\xff")
        assert client.recv() == "thanks"
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1000, "done")
    capture = capture_of(live_tap, client)
    assert messages(capture) == [
        ("ws.client", '{"setup":{}}'),
        ("ws.server", b'{"setupComplete":{}}'),
        ("ws.client", b"\x00\xff"),
        ("ws.server", "thanks"),
    ]
    assert capture.end["outcome"] == "complete"
    assert capture.end["closing"] == {"by": "upstream", "code": 1000, "reason": "done"}
    assert capture.end["request"]["bytes"] == 14
    assert capture.response is not None
    assert capture.response["status"] == 101


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1007, "Request contains an invalid argument."), (4321, "ä")])
def test_a_close_of_the_client_reaches_the_upstream(
    live_tap: RunningTap, live: LiveUpstream, code: int, reason: str
) -> None:
    """The client's close code and reason reach the upstream."""
    seen: Queue[Any] = Queue()

    def script(session: ServerConnection) -> None:
        with pytest.raises(ConnectionClosed) as closed:
            session.recv()
        seen.put(closed.value.rcvd)

    live.script = script
    with session(live_tap) as client:
        client.close(code, reason)
    received = seen.get(timeout=PATIENCE)
    assert (received.code, received.reason) == (code, reason)
    capture = capture_of(live_tap, client)
    assert capture.end["outcome"] == "complete"
    assert capture.end["closing"] == {"by": "client", "code": code, "reason": reason}


@pytest.mark.parametrize("code", [1000, 1008, 1011, 4000])
def test_a_close_of_the_upstream_reaches_the_client(live_tap: RunningTap, live: LiveUpstream, code: int) -> None:
    """The upstream's close code and reason reach the client."""
    live.script = lambda session: session.close(code, "because")
    with session(live_tap) as client, pytest.raises(ConnectionClosed) as closed:
        client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "because")
    assert capture_of(live_tap, client).end["closing"] == {"by": "upstream", "code": code, "reason": "because"}


def test_an_upstream_that_breaks_off_is_seen_to_have_broken_off(live_tap: RunningTap, live: LiveUpstream) -> None:
    """A broken upstream connection breaks the client's too."""

    def script(session: ServerConnection) -> None:
        session.send("half")
        session.socket.shutdown(2)

    live.script = script
    with session(live_tap) as client:
        assert client.recv() == "half"
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv()
    assert closed.value.rcvd is None
    assert capture_of(live_tap, client).end["outcome"] == "upstream_disconnected"


def test_a_client_that_breaks_off_ends_the_upstreams_session(live_tap: RunningTap, live: LiveUpstream) -> None:
    """A broken client connection ends the upstream's session."""
    ended = threading.Event()

    def script(session: ServerConnection) -> None:
        session.send("half")
        with pytest.raises(ConnectionClosed):
            session.recv()
        ended.set()

    live.script = script
    with session(live_tap) as client:
        assert client.recv() == "half"
        client.socket.shutdown(2)
        assert ended.wait(PATIENCE)
    assert capture_of(live_tap, client).end["outcome"] == "client_disconnected"


def test_the_handshake_passes(live_tap: RunningTap, live: LiveUpstream) -> None:
    """Path, query, headers and subprotocol are forwarded with the JS client's slashes; credentials not captured."""
    live.script = lambda session: None
    while not live.requests.empty():
        live.requests.get()
    with session(
        live_tap,
        f"/{LIVE}?key={SECRET}&x=%2F",
        additional_headers={"Authorization": f"Token {SECRET}", "X-Goog-Api-Client": "google-genai-sdk/2.0 gl-node/20"},
        subprotocols=[Subprotocol("first"), Subprotocol("second")],
        user_agent_header="agent/1",
        origin="vscode-webview://x",
    ) as client:
        received = live.requests.get(timeout=PATIENCE)
        assert client.subprotocol == "second"
    assert received.path == f"/{LIVE}?key={SECRET}&x=%2F"
    assert received.headers["Authorization"] == f"Token {SECRET}"
    assert received.headers["X-Goog-Api-Client"] == "google-genai-sdk/2.0 gl-node/20"
    assert received.headers["User-Agent"] == "agent/1"
    assert received.headers["Origin"] == "vscode-webview://x"
    assert received.headers["Host"] == live.origin.removeprefix("http://")
    assert "Sec-WebSocket-Extensions" not in received.headers
    assert client.response is not None
    assert client.response.headers["X-Upstream"] == "live"
    capture = capture_of(live_tap, client)
    assert SECRET.encode() not in capture.bytes
    assert capture.request["query"].startswith(b"key=[redacted:")
    assert capture.request["method"] == "GET"


def test_a_credential_in_a_message_goes_on_but_not_into_the_capture(live_tap: RunningTap, live: LiveUpstream) -> None:
    """A credential in a message is not captured."""
    live.script = lambda session: session.send(f"echo {session.recv()!s}")
    with session(live_tap, f"{LIVE}?access_token={SECRET}") as client:
        client.send(f"my key is {SECRET}")
        assert client.recv() == f"echo my key is {SECRET}"
    capture = capture_of(live_tap, client)
    assert SECRET.encode() not in capture.bytes
    assert len(messages(capture)) == 2


def test_a_refusal_of_the_upstream_is_the_clients_answer(live_tap: RunningTap, live: LiveUpstream) -> None:
    """The client gets the upstream's refusal of a handshake."""
    with pytest.raises(InvalidStatus) as refused:
        session(live_tap, f"{LIVE}/refuse")
    response = refused.value.response
    assert response.status_code == 401
    assert response.body == b'{"error": {"code": 401, "message": "no"}}'
    assert response.headers["Content-Type"] == "application/json"
    capture = live_tap.capture_of(response.headers["x-gemtap-id"])
    assert capture.end["outcome"] == "complete"
    assert capture.body("response") == response.body


def test_a_redirect_is_the_clients_to_follow(live_tap: RunningTap, live: LiveUpstream) -> None:
    """A redirect of the handshake is returned to the client."""
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    with live_tap.connect() as client:
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        client.send(request(f"{LIVE}/redirect", *upgrade, key, method="GET", body=b""))
        head = client.take_head()
    assert head.status == 302
    assert head.value(b"location") == b"/elsewhere"


def test_a_path_that_is_not_known_is_refused_in_the_usual_shape(live_tap: RunningTap) -> None:
    """A session on an unknown path gets a 404 in Google's format."""
    with pytest.raises(InvalidStatus) as refused:
        session(live_tap, "/elsewhere")
    assert refused.value.response.status_code == 404
    assert b"NOT_FOUND" in (refused.value.response.body or b"")


def test_an_upstream_that_is_away_is_a_502(live: LiveUpstream, tmp_path: Path) -> None:
    """An unreachable upstream gives a 502 for the handshake."""
    gone = LiveUpstream()
    gone.close()
    tap = RunningTap(tmp_path / "data", gone.origin)
    try:
        with pytest.raises(InvalidStatus) as refused:
            session(tap)
        assert refused.value.response.status_code == 502
        assert tap.only_capture().end["outcome"] == "upstream_unreachable"
    finally:
        tap.close()


def test_large_messages_pass_and_are_kept_up_to_the_limit(live_tap: RunningTap, live: LiveUpstream) -> None:
    """A message that exceeds the capture limit is counted, but not captured."""

    def script(session: ServerConnection) -> None:
        for message in session:
            session.send(message[::-1])

    live.script = script
    large = bytes(range(256)) * (5 * 2**12)
    with session(live_tap) as client:
        for _ in range(2):
            client.send(large)
            assert client.recv() == large[::-1]
    capture = capture_of(live_tap, client)
    assert messages(capture) == [("ws.client", large), ("ws.server", large[::-1])]
    assert capture.end["request"]["bytes"] == 2 * len(large)
    assert len(capture.end["request"]["sha256"]) == 32


def test_a_client_that_does_not_read_holds_the_upstream_up(live_tap: RunningTap, live: LiveUpstream) -> None:
    """While the client does not read, only a small part of 256 MB is in transit, and the tap buffers little."""
    sent = 0

    def script(session: ServerConnection) -> None:
        nonlocal sent
        for _ in range(4096):
            session.send(bytes(2**16))
            sent += 1

    def stands_still() -> int | None:
        before = sent
        time.sleep(0.5)
        return before if before and before == sent else None

    live.script = script
    with session(live_tap, max_queue=1) as client:
        assert eventually(stands_still) < 2048
        client.socket.close()


def test_pings_and_pongs_go_through(live_tap: RunningTap, live: LiveUpstream) -> None:
    """Each side's ping is answered by the other side, also in the middle of a message, and none is captured."""
    latency: Queue[float] = Queue()

    def script(session: ServerConnection) -> None:
        session.send(iter(["first half, ", "second half"]))
        pong = session.ping(b"from upstream")
        assert pong.wait(PATIENCE)
        latency.put(session.latency)
        session.recv()

    live.script = script
    with session(live_tap) as client:
        assert client.recv() == "first half, second half"
        assert client.ping(b"hello").wait(PATIENCE)
        assert latency.get(timeout=PATIENCE) > 0
        client.send("bye")
    assert messages(capture_of(live_tap, client)) == [("ws.server", "first half, second half"), ("ws.client", "bye")]


def frozen_session(tap: RunningTap, upstream: ScriptedUpstream, **options: Any) -> ClientConnection:
    """A session with an upstream that completes the handshake, and then neither reads nor answers anything."""
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(session, tap, **options)
        peer = upstream.accept()
        key = peer.take_head().value(b"sec-websocket-key")
        assert key is not None
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        peer.send("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept_key(key.decode())}", "", ""]).encode())
        return client.result(PATIENCE)


def test_a_frozen_upstream_is_noticed_by_a_client_that_pings(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Nobody answers for an upstream that says nothing more: the client's keepalive ends the session."""
    with frozen_session(tap, upstream, ping_interval=0.3, ping_timeout=0.3) as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.sent is not None
        assert (closed.value.sent.code, closed.value.sent.reason) == (1011, "keepalive ping timeout")


def test_an_upstream_that_owes_an_answer_has_an_end(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """A session ends as upstream_timeout when nothing comes after a message; one in which nothing is said goes on."""
    tap = start_tap(upstream_silence_timeout=0.4)
    with frozen_session(tap, upstream, ping_interval=None) as client:
        with pytest.raises(TimeoutError):
            client.recv(timeout=1)
        client.send('{"setup":{}}')
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "DEADLINE_EXCEEDED")
    assert capture_of(tap, client).end["outcome"] == "upstream_timeout"


def test_shutdown_closes_the_session_and_says_so(live: LiveUpstream, tmp_path: Path) -> None:
    """A shutdown closes the session on both sides with code 1001, and the capture says so."""
    ended = threading.Event()

    def script(session: ServerConnection) -> None:
        session.send("ready")
        with pytest.raises(ConnectionClosed):
            session.recv()
        ended.set()

    live.script = script
    tap = RunningTap(tmp_path / "data", live.origin, shutdown_grace=0.5)
    try:
        with session(tap) as client:
            assert client.recv() == "ready"
            assert tap.stop() == 0
            with pytest.raises(ConnectionClosed) as closed:
                client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert ended.wait(PATIENCE)
        capture = capture_of(tap, client)
        assert capture.end["outcome"] == "shutdown"
        assert capture.end["closing"]["by"] == "gemtap"
    finally:
        tap.close()
