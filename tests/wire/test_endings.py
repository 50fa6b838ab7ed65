"""Exchanges that end early: what client, upstream and capture see."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.spooled import under_way
from tests.wire.peers import PATIENCE, Peer, ScriptedUpstream, chunk, eventually, request, response
from tests.wire.running_tap import Captured, RunningTap

STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
STREAM_HEAD = response("Content-Type: text/event-stream", "Transfer-Encoding: chunked", body=b"")


def begin_stream(tap: RunningTap, upstream: ScriptedUpstream) -> tuple[Peer, Peer, bytes]:
    """Start a stream and wait for its first chunk. Returns client, upstream connection and id of the exchange."""
    client = tap.connect()
    client.send(request(STREAM))
    peer = upstream.accept()
    peer.take_request()
    peer.send(STREAM_HEAD + chunk(b"data: 1\r\n\r\n"))
    head = client.take_head()
    assert client.take_chunk() == b"data: 1\r\n\r\n"
    return client, peer, head.value(b"x-gemtap-id") or b""


def error_of(body: bytes) -> tuple[int, str, str]:
    error = json.loads(body)["error"]
    return error["code"], error["status"], error["message"]


def test_the_client_leaves_in_the_middle_of_a_stream(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """The upstream connection is closed at once, and the partial response is captured."""
    client, peer, id_ = begin_stream(tap, upstream)
    client.close()
    assert peer.is_closed()
    capture = tap.capture_of(id_.decode())
    assert capture.outcome == "client_disconnected"
    assert capture.body("response") == b"data: 1\r\n\r\n"


def test_a_client_that_leaves_at_the_last_event_has_all_of_it(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """SDKs hang up when they have read the last event: nothing but the end of the body is missing then."""

    def outcome() -> str | None:
        client, peer, id_ = begin_stream(tap, upstream)
        client.close()
        peer.send(b"0\r\n\r\n")
        peer.close()
        return tap.capture_of(id_.decode()).outcome

    # On a busy machine the end comes later than the tap waits for it.
    assert "complete" in (outcome() for _ in range(20))


def test_without_its_last_event_no_answer_is_complete(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An event that arrives when the client is known to have left is not taken for the end."""
    outcomes = set()
    for pause in (0, 0.005, 0.01, 0.02, 0.05):
        client, peer, id_ = begin_stream(tap, upstream)
        client.reset()
        time.sleep(pause)
        with suppress(OSError):
            peer.send(chunk(b"data: 2\r\n\r\n") + b"0\r\n\r\n")
        peer.close()
        capture = tap.capture_of(id_.decode())
        assert capture.outcome != "complete" or b"data: 2" in capture.body("response")
        outcomes.add(capture.outcome)
    assert "client_disconnected" in outcomes


def test_a_client_that_leaves_with_requests_in_line_is_noticed(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """The exchange under way is stopped, whatever the request is that has arrived last.

    Nothing is read from the client meanwhile, so that the next chunk shows it.
    """
    client, peer, id_ = begin_stream(tap, upstream)
    client.send(b"GET /_gemtap/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.is_silent(0.2)
    client.reset()
    peer.send(chunk(b"data: 2\r\n\r\n"))
    assert peer.is_closed()
    assert tap.capture_of(id_.decode()).outcome == "client_disconnected"


def test_the_client_leaves_before_the_answer(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A client that disconnects early closes the upstream connection too."""
    client = tap.connect()
    client.send(request())
    peer = upstream.accept()
    peer.take_request()
    client.close()
    assert peer.is_closed()
    capture = tap.only_capture()
    assert (capture.outcome, capture.response) == ("client_disconnected", None)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells whether a client is still there")
def test_a_client_that_only_ends_its_sending_is_answered(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Closing the sending side says that no more is sent: the answer comes, and then the connection ends."""
    with tap.connect() as client:
        client.send(request(STREAM))
        client.finish()
        peer = upstream.accept()
        peer.take_request()
        assert peer.is_silent(0.3)
        peer.send(STREAM_HEAD + chunk(b"first"))
        answer = client.take_head()
        assert answer.value(b"connection") == b"close"
        assert client.take_chunk() == b"first"
        peer.send(chunk(b"x" * 200_000) + b"0\r\n\r\n")
        assert len(client.take_chunks()) == 200_000
        assert client.is_closed()
    assert tap.captured(answer).outcome == "complete"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells whether a client is still there")
def test_a_client_that_ends_its_sending_and_leaves_later_is_noticed(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """The upstream is stopped although nothing is sent that could fail."""
    client = tap.connect()
    client.send(request())
    client.finish()
    peer = upstream.accept()
    peer.take_request()
    assert peer.is_silent(0.2)
    client.close()
    assert peer.is_closed()
    assert tap.only_capture().outcome == "client_disconnected"


def test_a_client_that_ends_its_sending_within_its_body_has_left(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A request that can never become whole is not waited for."""
    with tap.connect() as client:
        client.send(request(body=b"x" * 1000)[:-10])
        client.finish()
        assert client.is_closed()
    assert tap.only_capture().outcome == "client_disconnected"


def test_the_client_leaves_during_its_upload(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A client that disconnects while it uploads is captured with the partial body."""
    client = tap.connect()
    client.send(request(STREAM, "Content-Length: 1000", body=b"half"))
    peer = upstream.accept()
    peer.take_head()
    assert peer.take(4) == b"half"
    client.close()
    assert peer.is_closed()
    capture = tap.only_capture()
    assert (capture.outcome, capture.body("request")) == ("client_disconnected", b"half")


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    ("head", "piece"),
    [(STREAM_HEAD, chunk(b"half")), (response("Content-Length: 100", body=b""), b"half")],
    ids=["chunked", "length"],
)
def test_the_upstream_breaks_off(
    tap: RunningTap, upstream: ScriptedUpstream, head: bytes, piece: bytes, how: str
) -> None:
    """The client sees a broken stream too: neither a last chunk nor the full Content-Length."""
    with tap.connect() as client:
        client.send(request(STREAM))
        peer = upstream.accept()
        peer.take_request()
        peer.send(head + piece)
        answer = client.take_head()
        assert client.take(len(piece)) == piece
        getattr(peer, how)()
        assert client.take_rest() == b""
    capture = tap.captured(answer)
    assert capture.outcome == "upstream_disconnected"
    assert capture.body("response") == b"half"


def test_a_broken_answer_to_an_http10_client_is_broken(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """If only the end of the connection ends the body, it is reset, since a clean close would look complete."""
    client = tap.connect()
    client.send(b"GET /v1beta/models HTTP/1.0\r\n\r\n")
    peer = upstream.accept()
    peer.take_request()
    peer.send(STREAM_HEAD + chunk(b"half"))
    client.take_head()
    assert client.take(4) == b"half"
    peer.close()
    with pytest.raises(ConnectionResetError):
        client.socket.recv(1)
    client.close()


def test_the_upstream_closes_before_its_answer(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An upstream that closes without a response gives a 502."""
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.close()
        head, body = client.take_response()
    assert head.status == 502
    assert error_of(body)[:2] == (502, "UNAVAILABLE")
    assert tap.captured(head).outcome == "upstream_disconnected"


def test_the_upstream_speaks_no_http(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An upstream that does not speak HTTP gives a 502."""
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        head, body = client.take_response()
    assert error_of(body)[:2] == (502, "UNAVAILABLE")
    assert tap.captured(head).outcome == "upstream_disconnected"


@pytest.mark.parametrize("later", [False, True], ids=["in one segment", "in a later segment"])
@pytest.mark.parametrize(
    ("method", "whole", "beyond"),
    [
        ("GET", response(body=b'{"ok":true}'), b"EXTRA"),
        ("POST", response(body=b'{"ok":true}'), response(body=b"an answer to nothing")),
        ("POST", STREAM_HEAD + chunk(b'{"ok":true}') + b"0\r\n\r\n", b"\x00\x00"),
        ("HEAD", response("Content-Length: 11", body=b""), b'{"ok":true}'),
        ("DELETE", b"HTTP/1.1 204 No Content\r\nContent-Length: 11\r\n\r\n", b'{"ok":true}'),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n", b'{"ok":true}'),
    ],
    ids=["length", "second answer", "chunked", "head", "204", "304"],
)
def test_bytes_beyond_a_whole_answer_do_not_harm_it(
    tap: RunningTap, upstream: ScriptedUpstream, method: str, whole: bytes, beyond: bytes, later: bool
) -> None:
    """The answer passes as it is framed; what follows is discarded together with the connection."""
    with tap.connect() as client:
        client.send(request("/v1beta/models", method=method, body=b"{}" if method == "POST" else b""))
        peer = upstream.accept()
        peer.take_request()
        peer.send(whole if later else whole + beyond)
        head = client.take_head()
        if later:
            peer.send(beyond)
        if method in ("HEAD", "DELETE") or head.status == 304:
            assert not client.received
        elif head.value(b"transfer-encoding"):
            assert client.take_chunks() == b'{"ok":true}'
        else:
            assert client.take(11) == b'{"ok":true}'
        assert peer.is_closed()
        # The client's own connection is none the worse.
        client.send(request())
        second = upstream.accept()
        second.take_request()
        second.send(response())
        assert client.take_response()[1] == b"{}"
    assert tap.captured(head).outcome == "complete"


def test_interim_answers_go_on_as_they_come(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """103 and 102 reach the client before the answer is there; 100 does not, since Gemtap answers `Expect`."""
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(b"HTTP/1.1 103 Soon\r\nLink: </x>; rel=preload\r\nKeep-Alive: 5\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        assert client.take_until(b"\r\n\r\n") == b"HTTP/1.1 103 Soon\r\nlink: </x>; rel=preload\r\n\r\n"
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" + response("X-Final: 1"))
        assert client.take_until(b"\r\n\r\n") == b"HTTP/1.1 102 Processing\r\n\r\n"
        head, body = client.take_response()
    assert (head.first, head.value(b"x-final"), head.value(b"link"), body) == ("HTTP/1.1 200 OK", b"1", None, b"{}")
    assert tap.captured(head).response == {
        **(tap.captured(head).response or {}),
        "status": 200,
        "headers": [[b"x-final", b"1"], [b"content-length", b"2"]],
    }


def test_http10_clients_get_no_interim_answers(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """HTTP/1.0 has none: a client would take it for the answer."""
    with tap.connect() as client:
        client.send(b"GET /v1beta/models HTTP/1.0\r\nHost: localhost\r\n\r\n")
        peer = upstream.accept()
        peer.take_request()
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + response())
        assert client.take_response()[0].status == 200


def test_an_unreachable_upstream(start_tap: Callable[..., RunningTap]) -> None:
    """An unreachable upstream gives a 502 UNAVAILABLE with its address, and the request is captured completely."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    tap = start_tap(upstream_of=f"http://127.0.0.1:{port}")
    with tap.connect() as client:
        client.send(request(body=b'{"contents":["kept"]}'))
        head, body = client.take_response()
    code, status, message = error_of(body)
    assert (head.status, code, status) == (502, 502, "UNAVAILABLE")
    assert f"127.0.0.1:{port}" in message
    capture = tap.captured(head)
    assert capture.outcome == "upstream_unreachable"
    assert capture.body("request") == b'{"contents":["kept"]}'
    assert capture.end["details"] == message


def test_an_unknown_host(start_tap: Callable[..., RunningTap]) -> None:
    """An upstream whose name does not resolve gives a 502 with that name."""
    tap = start_tap(upstream_of="http://no-such-host.invalid")
    with tap.connect() as client:
        client.send(request())
        head, body = client.take_response()
    assert head.status == 502
    assert "no-such-host.invalid" in error_of(body)[2]
    assert tap.captured(head).outcome == "upstream_unreachable"


def test_a_silent_upstream(start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream) -> None:
    """504 DEADLINE_EXCEEDED before the response's headers, a broken stream after them. Both name the setting."""
    tap = start_tap(upstream_silence_timeout=0.5)
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        head, body = client.take_response()
        code, status, message = error_of(body)
        assert (head.status, code, status) == (504, 504, "DEADLINE_EXCEEDED")
        assert "upstream_silence_timeout" in message
        assert peer.is_closed()
    assert tap.captured(head).outcome == "upstream_timeout"
    client, _, id_ = begin_stream(tap, upstream)
    assert client.take_rest() == b""
    client.close()
    assert tap.capture_of(id_.decode()).outcome == "upstream_timeout"


def test_a_slow_upload_is_no_silence(start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream) -> None:
    """The timeout applies to the upstream's response, not to a client that is still sending."""
    tap = start_tap(upstream_silence_timeout=1.5)
    with tap.connect() as client:
        client.send(request(STREAM, "Content-Length: 3", body=b""))
        for letter in (b"a", b"b", b"c"):
            time.sleep(0.6)
            client.send(letter)
        peer = upstream.accept()
        peer.take_request()
        peer.send(response())
        assert client.take_response()[0].status == 200


def test_a_path_that_no_provider_knows(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A 404 in Google's format lists the known paths. The exchange is captured as refused, with its body."""
    with tap.connect() as client:
        client.send(request("/v2/elsewhere", body=b"what I sent"))
        head, body = client.take_response()
    code, status, message = error_of(body)
    assert (head.status, code, status) == (404, 404, "NOT_FOUND")
    assert "/v2/elsewhere" in message
    assert "/v1beta/" in message
    capture = tap.captured(head)
    assert (capture.outcome, capture.body("request")) == ("refused", b"what I sent")
    assert capture.body("response") == body


def test_a_request_that_is_no_http(tap: RunningTap) -> None:
    """Bytes that are not HTTP get a 400 in Google's format."""
    with tap.connect() as client:
        client.send(b"what is this\r\n\r\n")
        head, body = client.take_response()
    assert head.status == 400
    assert error_of(body)[:2] == (400, "INVALID_ARGUMENT")


def test_a_head_has_a_largest_size(tap: RunningTap) -> None:
    """A request with endless headers is refused; 64 KB of headers pass (below)."""
    with tap.connect() as client:
        client.send(b"GET /v1beta/models HTTP/1.1\r\n")
        try:
            for _ in range(400):
                client.send(b"X-More: " + b"x" * 1000 + b"\r\n")
        except ConnectionError:
            pass
        head, body = client.take_response()
    assert head.status == 431
    assert "256 KB" in error_of(body)[2]


def test_64_kb_of_headers_pass(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """64 KB of request headers are forwarded."""
    lines = [f"X-{number}: {'x' * 1000}" for number in range(64)]
    with tap.connect() as client:
        client.send(request("/v1beta/models", *lines, method="GET", body=b""))
        peer = upstream.accept()
        head, _ = peer.take_request()
        assert len([name for name, _ in head.headers if name.startswith(b"x-")]) == 64
        peer.send(response())
        assert client.take_response()[0].status == 200


def test_a_head_that_does_not_end_in_time_is_refused(tap: RunningTap) -> None:
    """Headers that are not complete after 10 s give a 408, even if bytes keep arriving."""
    with tap.connect() as client:
        client.socket.settimeout(0.5)
        client.send(b"GET /v1beta/models HTTP/1.1\r\n")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if client.is_closed() or client.received:
                    break
            except TimeoutError:
                client.send(b"X: y\r\n")
        client.socket.settimeout(PATIENCE)
        assert client.take_head().status == 408


def test_shutdown_lets_a_stream_finish(start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream) -> None:
    """A running stream finishes within the grace period of a shutdown."""
    tap = start_tap()
    client, peer, id_ = begin_stream(tap, upstream)
    tap.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    peer.send(chunk(b"data: 2\r\n\r\n") + chunk(b""))
    assert client.take_chunks() == b"data: 2\r\n\r\n"
    assert tap.stop() == 0
    client.close()
    assert tap.capture_of(id_.decode()).outcome == "complete"


@pytest.mark.parametrize(("grace", "signals"), [(0.5, 1), (30, 2)], ids=["after its grace", "at a second signal"])
def test_shutdown_ends_what_is_still_running(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, grace: float, signals: int
) -> None:
    """A running stream breaks, an exchange without a response gets a 503. Both captures have the outcome `shutdown`."""
    tap = start_tap(shutdown_grace=grace)
    client, _, id_ = begin_stream(tap, upstream)
    with tap.connect() as waiting:
        waiting.send(request())
        upstream.accept().take_request()
        for _ in range(signals):
            tap.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        head, body = waiting.take_response()
        assert (head.status, error_of(body)[1]) == (503, "UNAVAILABLE")
        assert client.take_rest() == b""
    client.close()
    assert tap.process.wait(PATIENCE) == 0
    assert tap.capture_of(id_.decode()).outcome == "shutdown"
    assert tap.captured(head).outcome == "shutdown"
    assert not under_way(tap.spool)


def test_a_tap_ends_when_its_parent_dies(start_tap: Callable[..., RunningTap]) -> None:
    """The tap exits at the end of its standard input, since an orphan would keep the port."""
    tap = start_tap()
    assert tap.process.stdin is not None
    tap.process.stdin.close()
    assert tap.process.wait(PATIENCE) == 0


def test_what_a_killed_tap_had_captured_is_handed_on(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """The capture of a killed tap has every chunk that the client received, and no end."""
    tap = start_tap()
    client, peer, id_ = begin_stream(tap, upstream)
    peer.send(chunk(b"data: 2\r\n\r\n"))
    assert client.take_chunk() == b"data: 2\r\n\r\n"
    tap.kill()
    client.close()
    tap.start()
    capture = tap.capture_of(id_.decode())
    assert capture.outcome is None
    assert capture.body("response") == b"data: 1\r\n\r\ndata: 2\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"01234"])
def test_what_a_request_has_brought_by_now_is_on_the_disk(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, sent: bytes
) -> None:
    """A slow upload is captured as it arrives: the headers, and the part of the body so far."""
    tap = start_tap()
    with tap.connect() as client:
        client.send(request(STREAM, "Content-Length: 10", body=b""))
        client.send(sent)
        written = eventually(lambda: next((each for each in open_captures(tap) if each.body("request") == sent), None))
        assert written.request["method"] == "POST"
        tap.kill()
    tap.start()
    capture = tap.only_capture()
    assert (capture.outcome, capture.body("request")) == (None, sent)


def test_an_answers_head_that_comes_alone_is_passed_on_and_captured_alone(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Headers that arrive before the body, from a model that thinks first, are forwarded and captured at once."""
    with tap.connect() as client:
        client.send(request(STREAM))
        peer = upstream.accept()
        peer.take_request()
        peer.send(STREAM_HEAD)
        assert client.take_head().status == 200
        (written,) = open_captures(tap)
        assert (written.response or {})["status"] == 200
        peer.send(chunk(b"data: 1\r\n\r\n") + b"0\r\n\r\n")
        assert client.take_chunk() == b"data: 1\r\n\r\n"


def open_captures(tap: RunningTap) -> list[Captured]:
    """The readable part of the captures that are being written."""
    return [Captured(capture) for capture in under_way(tap.spool).values()]


def test_a_starting_tap_leaves_the_captures_of_a_living_one_alone(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """A new tap does not touch a running tap's open captures."""
    tap = start_tap()
    client, peer, id_ = begin_stream(tap, upstream)
    for _ in range(3):
        start_tap(data_dir=tap.settings.data_dir).close()
    peer.send(chunk(b"data: 2\r\n\r\n") + chunk(b""))
    assert client.take_chunks() == b"data: 2\r\n\r\n"
    client.close()
    capture = tap.capture_of(id_.decode())
    assert (capture.outcome, capture.body("response")) == ("complete", b"data: 1\r\n\r\ndata: 2\r\n\r\n")


def test_traffic_goes_on_when_captures_cannot_be_written(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """If captures cannot be written, traffic continues; health and log report the loss."""
    tap = start_tap()
    shutil.rmtree(next((tap.spool / "open").iterdir()))
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(response(body=b'{"ok": 1}'))
        assert client.take_response()[1] == b'{"ok": 1}'
    assert tap.health()["captures_lost"] == 1
    assert "NOT RECORDING" in tap.log.read_text()


def test_a_body_over_the_limit_is_cut_with_its_size_and_digest(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """A body over the limit is captured in part, with size and hash."""
    import hashlib

    tap = start_tap(capture_max_body=1000)
    body = bytes(range(256)) * 100
    with tap.connect() as client:
        client.send(request(body=body))
        peer = upstream.accept()
        assert peer.take_request()[1] == body
        peer.send(response("Transfer-Encoding: chunked", body=chunk(body) + chunk(b"")))
        head = client.take_head()
        assert client.take_chunks() == body
    capture = tap.captured(head)
    expected = {"bytes": len(body), "sha256": hashlib.sha256(body).digest()}
    for side in ("request", "response"):
        assert capture.body(side) == body[:1000]
        assert capture.end[side] == expected


def test_files_and_folders_are_private(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Only the owner can read the spool."""
    client, peer, _ = begin_stream(tap, upstream)
    for path in tap.spool.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    peer.send(chunk(b""))
    client.take_chunks()
    client.close()
    eventually(lambda: tap.ended() or None)
