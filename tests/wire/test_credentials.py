"""No credential reaches the disk, wherever the client or the upstream sends it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable

import pytest

from gemtap.encodings import decode
from gemtap.settings import Providers, ProviderSettings
from tests.wire.peers import ScriptedUpstream, chunk, request, response
from tests.wire.running_tap import Captured, RunningTap

SECRET = "AIzaSyCanary-0123456789_abcdefghijklmnop"
TRICKY = "ya29.c/an+ary=="
"""A credential with characters that JSON and URLs escape."""

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"


def exchange(tap: RunningTap, upstream: ScriptedUpstream, sent: bytes, answer: bytes) -> tuple[Captured, bytes, bytes]:
    """Run an exchange. Returns the capture, what the upstream received, and the body that the client received."""
    with tap.connect() as client:
        client.send(sent)
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(answer)
        got, body = client.take_response()
    return tap.captured(got), head.raw, body


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (GENERATE, [f"x-goog-api-key: {SECRET}"]),
        (GENERATE, [f"X-Goog-Api-Key:   {SECRET}  "]),
        (GENERATE, [f"Authorization: Bearer {SECRET}"]),
        (GENERATE, [f"Authorization: {SECRET}"]),
        (GENERATE, [f"x-api-key: {SECRET}"]),
        (GENERATE, [f"Cookie: session={SECRET}; b=c"]),
        (f"{GENERATE}?key={SECRET}", []),
        (f"{GENERATE}?alt=sse&KEY={SECRET}&x=y", []),
        (f"{GENERATE}?k%65y={SECRET}", []),
        (f"{GENERATE}?access_token={SECRET}", [f"Referer: http://localhost/?key={SECRET}"]),
        (f"{GENERATE}?key={SECRET}", [f"x-goog-api-key: {SECRET}", f"Authorization: Bearer {SECRET}"]),
    ],
)
def test_a_credential_goes_on_but_not_into_the_capture(
    tap: RunningTap, upstream: ScriptedUpstream, target: str, headers: list[str]
) -> None:
    """A credential is forwarded, and captured only as a fingerprint."""
    capture, forwarded, _ = exchange(tap, upstream, request(target, *headers), response())
    assert SECRET.encode() in forwarded
    assert SECRET.encode() not in capture.bytes
    assert b"[redacted:" in capture.bytes
    assert re.fullmatch(r"[0-9a-f]{12}", capture.request["key"])


def test_the_same_key_has_the_same_fingerprint_wherever_it_stands(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A key has one fingerprint in headers and queries."""
    found = {
        exchange(tap, upstream, request(target, *headers), response("Connection: close"))[0].request["key"]
        for target, headers in [
            (GENERATE, [f"x-goog-api-key: {SECRET}"]),
            (GENERATE, [f"Authorization: Bearer {SECRET}"]),
            (f"{GENERATE}?key={SECRET}", []),
        ]
    }
    other, _, _ = exchange(tap, upstream, request(GENERATE, "x-goog-api-key: another-key"), response())
    assert len(found) == 1
    assert other.request["key"] not in found


ENCODERS = {
    "identity": lambda text: text,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("secret", [SECRET, TRICKY])
def test_an_error_that_repeats_the_credential_is_cleaned(
    tap: RunningTap, upstream: ScriptedUpstream, encoding: str, secret: str
) -> None:
    """The client receives the original error; the capture has its decoded text without the credential."""
    text = b'{"error": {"message": "API key not valid: %s or %s"}}' % (
        secret.encode(),
        secret.replace("/", "\\/").replace("=", "\\u003d").encode(),
    )
    original = ENCODERS[encoding](text)
    headers = [] if encoding == "identity" else [f"Content-Encoding: {encoding}"]
    capture, _, body = exchange(
        tap,
        upstream,
        request(GENERATE, f"x-goog-api-key: {secret}"),
        response(*headers, status="400 Bad Request", body=original),
    )
    assert body == original
    fingerprint = capture.request["key"].encode()
    kept = capture.body("response")
    assert kept == b'{"error": {"message": "API key not valid: [redacted:%s] or [redacted:%s]"}}' % (
        fingerprint,
        fingerprint,
    )
    assert capture.end["response"] == {"bytes": len(original), "redacted": True}


def test_an_error_in_pieces_reaches_the_client_at_once_and_the_capture_clean(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """An error whose credential spans two reads is forwarded at once, but captured without the credential."""
    with tap.connect() as client:
        client.send(request(GENERATE, f"x-goog-api-key: {SECRET}"))
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Transfer-Encoding: chunked", status="403 Forbidden", body=b""))
        head = client.take_head()
        for piece in (SECRET[:10].encode(), SECRET[10:].encode()):
            peer.send(chunk(piece))
            assert client.take_chunk() == piece
        peer.send(chunk(b""))
        client.take_chunk()
    capture = tap.captured(head)
    assert capture.body("response") == f"[redacted:{capture.request['key']}]".encode()


def test_a_broken_off_error_leaks_no_first_half(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A truncated error may end with part of a credential, which is not captured."""
    with tap.connect() as client:
        client.send(request(GENERATE, f"x-goog-api-key: {SECRET}"))
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Content-Length: 1000", status="400 Bad", body=b"not valid: " + SECRET[:30].encode()))
        head = client.take_head()
        client.take(41)
        peer.close()
        client.take_rest()
    capture = tap.captured(head)
    assert capture.body("response") == b"not valid: "


def test_a_large_error_is_cleaned_too(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An error of more than 1 MiB is kept whole, without the credential."""
    filler = b"x" * (2**20 - 10)
    body = filler + SECRET.encode() + b"tail"
    capture, _, got = exchange(
        tap, upstream, request(GENERATE, f"x-goog-api-key: {SECRET}"), response(status="500 Oops", body=body)
    )
    assert got == body
    assert capture.body("response") == filler + f"[redacted:{capture.request['key']}]tail".encode()
    assert capture.end["response"]["bytes"] == len(body)


def test_a_compressed_error_that_is_torn_leaks_nothing(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Plain text after a compressed stream that breaks off is looked through too, and left out."""
    original = gzip.compress(b"key not valid: " + SECRET.encode())[:-12] + SECRET.encode()
    capture, _, body = exchange(
        tap,
        upstream,
        request(GENERATE, f"x-goog-api-key: {SECRET}"),
        response("Content-Encoding: gzip", status="400 Bad", body=original),
    )
    assert body == original
    assert SECRET.encode() not in capture.bytes
    assert SECRET.encode()[:12] not in decode([(0, capture.body("response"))], "gzip").body
    assert capture.end["response"]["left_out"]
    assert capture.end["response"]["sha256"] == hashlib.sha256(original).digest()


def test_response_cookies_and_redirects_are_cleaned(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Cookies and credentials in redirects are not captured."""
    capture, _, _ = exchange(
        tap,
        upstream,
        request(f"{GENERATE}?key={SECRET}"),
        response(f"Location: https://x.invalid/?key={SECRET}", "Set-Cookie: sid=canary-cookie", status="302 Found"),
    )
    assert SECRET.encode() not in capture.bytes
    assert b"canary-cookie" not in capture.bytes


def test_nothing_is_logged_of_a_credential(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Logs contain no credential, neither of successful nor of failed exchanges."""
    exchange(tap, upstream, request(f"{GENERATE}?key={SECRET}"), response("Connection: close"))
    with tap.connect() as client:
        client.send(request(f"{GENERATE}?key={SECRET}", f"Authorization: Bearer {SECRET}"))
        peer = upstream.accept()
        peer.take_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n")
        head, body = client.take_response()
        assert head.status == 502
        assert SECRET.encode() not in body
    assert SECRET.encode() not in tap.captured(head).bytes
    assert SECRET not in tap.log.read_text()


INTERACTIONS = "/v1beta/interactions"
MCP_SECRET = "canary-mcp-0123456789"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation : https://example.test/?key=%b\r\nContent-Length: 0\r\n\r\n" % SECRET.encode(),
        b"POST %b?key=%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (GENERATE.encode(), SECRET.encode()),
        b"HTTP/1.1 %b OK\r\n\r\n" % SECRET.encode(),
        b"%b\r\n\r\n" % SECRET.encode(),
    ],
    ids=["bad header", "echo", "bad status", "no http"],
)
def test_our_own_error_quotes_nothing_of_an_upstream(
    tap: RunningTap, upstream: ScriptedUpstream, answer: bytes
) -> None:
    """An answer that is no HTTP gives a 502 that says so, and repeats none of its bytes."""
    capture, _, body = exchange(tap, upstream, request(f"{GENERATE}?key={SECRET}", "Connection: close"), answer)
    assert json.loads(body)["error"]["code"] == 502
    assert b"not valid HTTP" in body
    assert SECRET.encode() not in body
    assert SECRET.encode() not in capture.bytes
    assert SECRET not in tap.log.read_text()


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "500 Oops"])
@pytest.mark.parametrize("encoding", ENCODERS)
def test_an_answer_of_any_status_is_cleaned(
    tap: RunningTap, upstream: ScriptedUpstream, status: str, encoding: str
) -> None:
    """The page of a redirect, and an answer that repeats the key, compressed or not."""
    page = b'<HTML><A HREF="https://example.test/v1beta/models?key=%b">here</A></HTML>' % SECRET.encode()
    headers = [] if encoding == "identity" else [f"Content-Encoding: {encoding}"]
    original = ENCODERS[encoding](page)
    capture, _, body = exchange(
        tap,
        upstream,
        request(f"/v1beta/models?key={SECRET}", method="GET", body=b""),
        response("Content-Type: text/html", *headers, status=status, body=original),
    )
    assert body == original
    placeholder = f"[redacted:{capture.request['key']}]".encode()
    assert capture.body("response") == page.replace(SECRET.encode(), placeholder)
    assert capture.end["response"]["redacted"] is True


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_stream_in_which_the_key_is_torn_is_cleaned_and_passes_at_once(
    tap: RunningTap, upstream: ScriptedUpstream, encoding: str
) -> None:
    """An error inside a stream of status 200: the client gets each chunk as it comes, the capture the cleaned text."""
    pieces = [
        b"data: {}\n\n",
        b'data: {"error":"key ' + SECRET[:9].encode(),
        SECRET[9:].encode() + b'"}\n\n',
        b": x\n\n",
    ]
    if encoding == "gzip":
        packer = zlib.compressobj(wbits=31)
        sent = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
        sent[-1] += packer.flush()
    else:
        sent = pieces
    with tap.connect() as client:
        client.send(request(f"{GENERATE}?alt=sse", f"x-goog-api-key: {SECRET}"))
        peer = upstream.accept()
        peer.take_request()
        headers = [] if encoding == "identity" else [f"Content-Encoding: {encoding}"]
        peer.send(response("Transfer-Encoding: chunked", "Content-Type: text/event-stream", *headers, body=b""))
        head = client.take_head()
        for piece in sent:
            peer.send(chunk(piece))
            assert client.take_chunk() == piece
        peer.send(chunk(b""))
        client.take_chunk()
    capture = tap.captured(head)
    raw = b"".join(event.value for event in capture.events if event.kind == "response.body")
    rest = b"".join(event.value for event in capture.events if event.kind == "response.decoded")
    kept = (zlib.decompressobj(31).decompress(raw) if encoding == "gzip" else raw) + rest
    placeholder = f"[redacted:{capture.request['key']}]".encode()
    assert kept == b"".join(pieces).replace(SECRET.encode(), placeholder)


def test_a_large_request_with_headers_of_an_mcp_server_is_masked(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Three megabytes pass untouched; in the capture only the header's value is another."""
    large = {
        "input": [{"type": "text", "text": 'say "headers": {}' * 100}] * 1800,
        "tools": [{"type": "mcp_server", "headers": {"Authorization": f"Bearer {MCP_SECRET}"}}],
        "model": "m",
    }
    body = json.dumps(large).encode()
    with tap.connect() as client:
        client.send(request(INTERACTIONS, f"x-goog-api-key: {SECRET}", body=body))
        peer = upstream.accept()
        _, forwarded = peer.take_request()
        peer.send(response(body=json.dumps({"echo": MCP_SECRET}).encode()))
        head, answer = client.take_response()
    assert forwarded == body
    assert json.loads(answer) == {"echo": MCP_SECRET}
    capture = tap.captured(head)
    assert MCP_SECRET.encode() not in capture.bytes
    kept = json.loads(capture.body("request"))
    assert re.fullmatch(r"Bearer \[redacted:[0-9a-f]{12}\]", kept["tools"][0]["headers"]["Authorization"])
    kept["tools"] = large["tools"]
    assert kept == large
    assert capture.end["request"] == {"bytes": len(body), "redacted": True}


def test_a_compressed_request_is_looked_through(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """No client is known to compress requests, but one may."""
    body = gzip.compress(json.dumps({"tools": [{"headers": {"X-Token": MCP_SECRET}}]}).encode())
    capture, _, _ = exchange(tap, upstream, request(INTERACTIONS, "Content-Encoding: gzip", body=body), response())
    assert MCP_SECRET.encode() not in capture.bytes
    assert json.loads(capture.body("request"))["tools"][0]["headers"]["X-Token"].startswith("[redacted:")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1alpha/auth_tokens", {"name": "auth_tokens/canary-mcp-0123456789"}),
        ("/v1beta/interactions/i/auth_tokens", {"auth_token": MCP_SECRET, "expires_at": "2026"}),
        ("/v1/webhooks", {"name": "webhooks/w", "new_signing_secret": MCP_SECRET}),
        ("/v1/webhooks/w:rotateSigningSecret", {"secret": MCP_SECRET}),
        ("/v1beta1/projects/p/locations/l/credentials", {"token": MCP_SECRET}),
    ],
)
def test_a_credential_that_is_handed_out_reaches_the_client_alone(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream, path: str, answer: dict[str, str]
) -> None:
    """The answer is held out of the capture until it is whole and clean; the client gets it at once."""
    origin = ProviderSettings(upstream=upstream.origin)
    tap = start_tap(providers=Providers(gemini=origin, vertex=origin))
    text = json.dumps(answer).encode()
    with tap.connect() as client:
        client.send(request(path, f"x-goog-api-key: {SECRET}", body=b"{}"))
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Transfer-Encoding: chunked", body=b""))
        head = client.take_head()
        for piece in (text[:30], text[30:]):
            peer.send(chunk(piece))
            assert client.take_chunk() == piece
        peer.send(chunk(b""))
        client.take_chunk()
    capture = tap.captured(head)
    assert MCP_SECRET.encode() not in capture.bytes
    kept = json.loads(capture.body("response"))
    assert kept.keys() == answer.keys()
    assert "[redacted:" in json.dumps(kept)
    assert capture.end["response"]["redacted"] is True


def test_a_token_in_the_path_is_replaced_there(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A token that is to be deleted is named in the path."""
    path = f"/v1beta/interactions/i/auth_tokens/{MCP_SECRET}"
    capture, forwarded, _ = exchange(tap, upstream, request(path, method="DELETE", body=b""), response())
    assert MCP_SECRET.encode() in forwarded
    assert MCP_SECRET.encode() not in capture.bytes
    assert capture.request["path"].startswith(b"/v1beta/interactions/i/auth_tokens/[redacted:")


def test_what_is_no_json_where_credentials_are_expected_is_left_out(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Its size and its SHA-256 remain, and why it is not there."""
    body = f"token={MCP_SECRET}".encode()
    capture, _, _ = exchange(tap, upstream, request("/v1beta/credentials", body=body), response())
    assert capture.body("request") == b""
    end = capture.end["request"]
    assert end["bytes"] == len(body)
    assert end["sha256"] == hashlib.sha256(body).digest()
    assert "not valid JSON" in end["left_out"]
