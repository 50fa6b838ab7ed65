"""What the upstream receives of a request and the client of a response: everything, with few exceptions."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable

import pytest
from bson import ObjectId

from tests.wire.peers import ScriptedUpstream, chunk, request, response
from tests.wire.running_tap import Captured, RunningTap

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


def test_path_and_query_go_on_raw(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Escapes, colons, double slashes, dots and odd queries are forwarded unchanged."""
    for target in (
        "/v1beta/tunedModels/a%2Fb%20c:generateContent?x=%2F&y=a+b&&z",
        "/v1beta//models/./../m:generateContent?alt=sse&$alt=json%3Benum-encoding%3Dint",
        "/v1beta/models/m:generateContent?q='%22|~",
        "//ws/x?a=b",
        "/v1beta/models/%C3%A4:countTokens",
    ):
        with tap.connect() as client:
            client.send(request(target))
            peer = upstream.accept()
            head, _ = peer.take_request()
            assert head.first == f"POST {target} HTTP/1.1"
            peer.send(response("Connection: close"))
            assert client.take_response()[0].status == 200


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        ("/gemini/v1beta/models/m:generateContent?a=b", "/v1beta/models/m:generateContent?a=b"),
        ("/models/m:generateContent", "/v1beta/models/m:generateContent"),
        ("/gemini/models/m:generateContent", "/v1beta/models/m:generateContent"),
        ("/upload/v1beta/files?uploadType=resumable", "/upload/v1beta/files?uploadType=resumable"),
    ],
)
def test_prefixes_and_bare_models_find_the_api(
    tap: RunningTap, upstream: ScriptedUpstream, sent: str, forwarded: str
) -> None:
    """Paths with a prefix or without a version are mapped to the API's path."""
    with tap.connect() as client:
        client.send(request(sent))
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(response("Connection: close"))
        assert head.target == forwarded
        answer, _ = client.take_response()
        assert tap.captured(answer).request["path"].decode() == sent.partition("?")[0]


def test_request_headers_arrive_but_for_the_hop_by_hop_ones(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Duplicate headers stay in order, hop-by-hop headers are dropped, nothing is added."""
    with tap.connect() as client:
        client.send(
            request(
                GENERATE,
                "X-Twice: one",
                "x-goog-api-key: AIza-a-real-key",
                "X-Twice: two",
                "Cookie: a=b",
                "Connection: keep-alive, X-This-Hop",
                "X-This-Hop: no",
                "Keep-Alive: timeout=5",
                "TE: trailers",
                "Proxy-Authorization: Basic abc",
                "Accept-Encoding: gzip;q=1.0, snappy, br, zstd, *",
                "X-Empty:",
                "X-Utf8: caf\u00c3\u00a9",
            )
        )
        peer = upstream.accept()
        head, body = peer.take_request()
        peer.send(response("Connection: close"))
        client.take_response()
    assert body == b'{"contents":[]}'
    assert sorted(head.headers) == sorted(
        [
            (b"host", f"127.0.0.1:{upstream.port}".encode()),
            (b"x-twice", b"one"),
            (b"x-goog-api-key", b"AIza-a-real-key"),
            (b"x-twice", b"two"),
            (b"cookie", b"a=b"),
            (b"accept-encoding", b"gzip;q=1.0, br, zstd"),
            (b"x-empty", b""),
            (b"x-utf8", b"caf\xc3\xa9"),
            (b"content-length", b"15"),
        ]
    )
    assert head.values(b"x-twice") == [b"one", b"two"]


def test_response_head_and_body_arrive(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Status, duplicate headers and body are forwarded; only `x-gemtap-id` is added."""
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(
            response(
                "Vary: Origin",
                "Vary: X-Origin",
                "Set-Cookie: a=1",
                "Set-Cookie: b=2",
                "Server: ESF",
                "Date: Sat, 01 Jan 2000 00:00:00 GMT",
                "Keep-Alive: timeout=5",
                "X-Long: " + "y" * 50_000,
                status="429 Slow down, please",
                body=b'{"error": 1}',
            )
        )
        head, body = client.take_response()
    assert (head.first, body) == ("HTTP/1.1 429 Slow down, please", b'{"error": 1}')
    id_ = head.value(b"x-gemtap-id") or b""
    assert len(id_) == 24
    assert head.headers == [
        (b"vary", b"Origin"),
        (b"vary", b"X-Origin"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"server", b"ESF"),
        (b"date", b"Sat, 01 Jan 2000 00:00:00 GMT"),
        (b"x-long", b"y" * 50_000),
        (b"content-length", b"12"),
        (b"x-gemtap-id", id_),
    ]


@pytest.mark.parametrize(
    ("content_type", "pieces"),
    [
        ("text/event-stream", [b'data: {"a":1}\r\n\r\n', b'data: {"a":', b"2}\r\n\r\n"]),
        ("application/json", [b'[{"a":1}\r\n', b',{"a":2}', b"]"]),
    ],
)
def test_a_stream_arrives_as_it_is_made(
    tap: RunningTap, upstream: ScriptedUpstream, content_type: str, pieces: list[bytes]
) -> None:
    """The upstream sends each chunk only after the client has received the previous one."""
    with tap.connect() as client:
        client.send(request(STREAM))
        peer = upstream.accept()
        peer.take_request()
        peer.send(response(f"Content-Type: {content_type}", "Transfer-Encoding: chunked", body=b""))
        head = client.take_head()
        for piece in pieces:
            peer.send(chunk(piece))
            assert client.take_chunk() == piece
        peer.send(b"0\r\n\r\n")
        assert client.take_chunk() == b""
    capture = tap.captured(head)
    assert [event.value for event in capture.events if event.kind == "response.body"] == pieces
    assert capture.outcome == "complete"


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_request_body_goes_on_as_it_arrives(tap: RunningTap, upstream: ScriptedUpstream, framing: str) -> None:
    """The client sends the rest only after the upstream has received the beginning. The framing is kept."""
    chunked = framing.startswith("Transfer")
    frame = chunk if chunked else bytes
    with tap.connect() as client:
        client.send(request(GENERATE, framing, body=b""))
        client.send(frame(b"01234"))
        peer = upstream.accept()
        head = peer.take_head()
        assert (peer.take_chunk() if chunked else peer.take(5)) == b"01234"
        client.send(frame(b"56789"))
        assert (peer.take_chunk() if chunked else peer.take(5)) == b"56789"
        if chunked:
            client.send(b"0\r\n\r\n")
            assert peer.take_chunk() == b""
        peer.send(response())
        answer, _ = client.take_response()
    assert head.value(b"transfer-encoding") == (b"chunked" if chunked else None)
    assert head.value(b"content-length") == (None if chunked else b"10")
    assert tap.captured(answer).body("request") == b"0123456789"


def test_compressed_bodies_pass_as_they_are(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Compressed bodies are forwarded and captured compressed."""
    sent, answered = gzip.compress(b'{"contents":[]}'), gzip.compress(b'{"candidates":[]}')
    with tap.connect() as client:
        client.send(request(GENERATE, "Content-Encoding: gzip", body=sent))
        peer = upstream.accept()
        head, body = peer.take_request()
        assert (head.value(b"content-encoding"), body) == (b"gzip", sent)
        peer.send(response("Content-Encoding: gzip", body=answered))
        answer, got = client.take_response()
    assert (answer.value(b"content-encoding"), got) == (b"gzip", answered)
    capture = tap.captured(answer)
    assert (capture.body("request"), capture.body("response")) == (sent, answered)


def test_redirects_and_cookies_are_the_clients_affair(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Redirects are not followed, and cookies are not stored."""
    with tap.connect() as client:
        client.send(request(method="GET", body=b""))
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Location: /v1beta/elsewhere", "Set-Cookie: a=b", status="302 Found"))
        assert client.take_response()[0].status == 302
        client.send(request(method="GET", body=b""))
        head, _ = peer.take_request()
        assert head.value(b"cookie") is None
        peer.send(response())
        client.take_response()


def test_netrc_adds_no_authorization(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Credentials of `.netrc` are not added to requests."""
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    netrc.chmod(0o600)
    tap = start_tap(environment={"NETRC": str(netrc), "HOME": str(netrc.parent)})
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        assert peer.take_request()[0].value(b"authorization") is None
        peer.send(response())
        client.take_response()


def test_an_environment_proxy_is_used(start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream) -> None:
    """With `http_proxy` set, the request goes to that proxy in absolute form."""
    tap = start_tap(
        environment={"http_proxy": upstream.origin, "no_proxy": "", "NO_PROXY": ""}, upstream_of="http://api.invalid"
    )
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        head, _ = peer.take_request()
        assert head.target == f"http://api.invalid{GENERATE}"
        peer.send(response())
        assert client.take_response()[0].status == 200


def test_trailers_become_no_headers(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Trailers are dropped in both directions, and do not become headers of the capture."""
    with tap.connect() as client:
        client.send(request(GENERATE, "Transfer-Encoding: chunked", body=b""))
        client.send(chunk(b"{}") + b"0\r\nX-Trailer: sneaked\r\n\r\n")
        peer = upstream.accept()
        head, body = peer.take_request()
        assert (head.value(b"x-trailer"), body) == (None, b"{}")
        peer.send(response("Transfer-Encoding: chunked", body=chunk(b"[]") + b"0\r\nX-Trailer: back\r\n\r\n"))
        answer, _ = client.take_response()
    assert answer.value(b"x-trailer") is None
    capture = tap.captured(answer)
    assert b"sneaked" not in capture.bytes


H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)


@pytest.mark.parametrize("segments", [1, 2, 3])
@pytest.mark.parametrize("framing", ["length", "chunked", "none"])
@pytest.mark.parametrize("upgrade", [H2C, ("Connection: upgrade", "Upgrade: TLS/1.0, foo")], ids=["h2c", "other"])
def test_an_offer_to_change_the_protocol_is_ignored(
    tap: RunningTap, upstream: ScriptedUpstream, framing: str, segments: int, upgrade: tuple[str, ...]
) -> None:
    """The body that follows is forwarded, whatever the segments are, and the connection serves the next request."""
    body = b"" if framing == "none" else b'{"contents":[{"parts":[{"text":"hello"}]}]}'
    match framing:
        case "chunked":
            raw = request(GENERATE, *upgrade, "Transfer-Encoding: chunked", body=b"")
            raw += chunk(body[:9]) + chunk(body[9:]) + b"0\r\nX-Trailer: t\r\n\r\n"
        case _:
            raw = request(GENERATE, *upgrade, method="GET" if framing == "none" else "POST", body=body)
    cuts = {1: [len(raw)], 2: [raw.index(b"\r\n\r\n") + 4, len(raw)], 3: [40, len(raw) - 6, len(raw)]}[segments]
    peer = None
    with tap.connect() as client:
        for _ in range(2):
            at = 0
            for cut in cuts:
                client.send(raw[at:cut])
                time.sleep(0.02)
                at = cut
            peer = peer or upstream.accept()
            head, forwarded = peer.take_request()
            assert forwarded == body
            assert not {b"upgrade", b"connection", b"http2-settings", b"x-trailer"} & {name for name, _ in head.headers}
            peer.send(response())
            answer, _ = client.take_response()
            assert answer.status == 200
            assert tap.captured(answer).body("request") == body


def test_expect_100_continue_is_answered_here(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """The tap answers `Expect: 100-continue` itself."""
    with tap.connect() as client:
        client.send(request(GENERATE, "Expect: 100-continue", "Content-Length: 2", body=b""))
        assert client.take_head().status == 100
        client.send(b"{}")
        peer = upstream.accept()
        head, body = peer.take_request()
        assert (head.value(b"expect"), body) == (None, b"{}")
        peer.send(response())
        assert client.take_response()[0].status == 200


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", "200 OK", ["Content-Length: 1234"]),
        ("GET", "304 Not Modified", ["Content-Length: 1234", "ETag: x"]),
        ("GET", "304 Not Modified", ["ETag: x"]),
        ("DELETE", "204 No Content", []),
    ],
)
def test_answers_without_a_body_keep_the_connection(
    tap: RunningTap, upstream: ScriptedUpstream, method: str, status: str, headers: list[str]
) -> None:
    """After HEAD, 204 and 304, with and without Content-Length, the next exchange uses the same connections."""
    head_bytes = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()
    with tap.connect() as client:
        client.send(request(method=method, body=b""))
        peer = upstream.accept()
        peer.take_request()
        peer.send(head_bytes)
        answer = client.take_head()
        assert answer.status == int(status[:3])
        expected = headers[0].split(": ")[1].encode() if headers and "Length" in headers[0] else None
        assert answer.value(b"content-length") == expected
        client.send(request())
        peer.take_request()
        peer.send(response(body=b'{"next": 1}'))
        assert client.take_response()[1] == b'{"next": 1}'
    assert tap.captured(answer).outcome == "complete"


def test_http10_clients_are_answered_without_chunks(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An HTTP/1.0 client gets the body without chunked encoding."""
    with tap.connect() as client:
        client.send(b"GET /v1beta/models HTTP/1.0\r\nHost: localhost\r\n\r\n")
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Transfer-Encoding: chunked", body=chunk(b"first") + chunk(b" second") + chunk(b"")))
        head = client.take_head()
        assert head.value(b"transfer-encoding") is None
        assert client.take_rest() == b"first second"
    assert tap.captured(head).outcome == "complete"


def test_a_pipelined_request_waits_its_turn(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Pipelined requests are forwarded one after the other."""
    with tap.connect() as client:
        client.send(request(body=b"1") + request(body=b"2"))
        peer = upstream.accept()
        for number in (b"1", b"2"):
            assert peer.take_request()[1] == number
            peer.send(response(body=number))
            assert client.take_response()[1] == number


def test_the_taps_own_paths_take_turns_with_forwarded_ones(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Pipelined requests of both kinds are answered in their order, over one connection."""
    health = b"GET /_gemtap/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with tap.connect() as client:
        client.send(request(body=b"1") + health + request(body=b"2") + health)
        peer = upstream.accept()
        for number in (b"1", b"2"):
            assert peer.take_request()[1] == number
            assert client.is_silent(0.05)
            peer.send(response(body=number))
            assert client.take_response()[1] == number
            assert b"captures_lost" in client.take_response()[1]


def test_a_large_body_passes_both_ways_and_is_captured_whole(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A body of 3 MB, about 700,000 tokens, is forwarded and captured completely in both directions."""
    sent, answered = b"s" * 3_000_000, b"a" * 3_000_001
    with tap.connect() as client:
        client.send(request(body=sent))
        peer = upstream.accept()
        assert peer.take_request()[1] == sent
        peer.send(response(body=answered))
        head, body = client.take_response()
    assert body == answered
    capture = tap.captured(head)
    assert (capture.body("request"), capture.body("response")) == (sent, answered)


def test_an_early_answer_ends_an_upload(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """If the upstream responds before it has read the body, as with 413, the client gets this response."""
    with tap.connect() as client:
        client.send(request(GENERATE, "Content-Length: 10000000", body=b"x" * 100_000))
        peer = upstream.accept()
        peer.take_head()
        peer.send(response("Connection: close", status="413 Payload Too Large", body=b"too much"))
        head, body = client.take_response()
    assert (head.status, body) == (413, b"too much")
    assert tap.captured(head).outcome == "complete"


@pytest.mark.parametrize("headers", [(), ("Transfer-Encoding: chunked",)])
def test_the_end_is_captured_before_the_client_has_the_last_byte(
    tap: RunningTap, upstream: ScriptedUpstream, headers: tuple[str, ...]
) -> None:
    """Whoever has read a response finds it captured to its end, without waiting."""
    body = chunk(b"some") + chunk(b"thing") + chunk(b"") if headers else b"something"
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(response(*headers, body=body))
        head, read = client.take_response()
        assert read == b"something"
        id_ = head.value(b"x-gemtap-id")
        assert id_ is not None
        captured = Captured(tap.ended()[ObjectId(id_.decode())])
        assert captured.outcome == "complete"
        assert captured.body("response") == b"something"
