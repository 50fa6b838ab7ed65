"""No credential reaches the disk, wherever the client or the upstream sends it."""

from __future__ import annotations

import gzip
import re
import zlib

import pytest

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
    assert capture.response is not None
    assert capture.response["decoded"] is True
    assert capture.end["response"]["bytes"] == len(original)


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


def test_an_error_too_large_to_hold_is_cut_clean(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """An error over 1 MiB is captured up to this limit, with its size and hash."""
    filler = b"x" * (2**20 - 10)
    body = filler + SECRET.encode() + b"tail"
    capture, _, got = exchange(
        tap, upstream, request(GENERATE, f"x-goog-api-key: {SECRET}"), response(status="500 Oops", body=body)
    )
    assert got == body
    assert capture.body("response") == filler
    assert capture.end["response"]["bytes"] == len(body)
    assert len(capture.end["response"]["sha256"]) == 32


def test_a_compressed_error_that_is_torn_leaks_nothing(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A compressed error that is cut off cannot be decoded and redacted, so it is not captured."""
    original = gzip.compress(b"key not valid: " + SECRET.encode())[:-12] + b"garbage-garbage"
    capture, _, body = exchange(
        tap,
        upstream,
        request(GENERATE, f"x-goog-api-key: {SECRET}"),
        response("Content-Encoding: gzip", status="400 Bad", body=original),
    )
    assert body == original
    assert b"Canary" not in capture.body("response")
    assert b"garbage-garbage" not in capture.bytes


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
