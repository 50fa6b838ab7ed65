"""Upload URLs and redirects of the upstream are rewritten so that the client comes back through the tap."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wire.peers import Head, ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

START = "/upload/v1beta/files"
UPLOAD = "/upload/v1beta/files?upload_id=AbC%2F1&upload_protocol=resumable"


def answered(tap: RunningTap, upstream: ScriptedUpstream, sent: bytes, *headers: str, status: str = "200 OK") -> Head:
    with tap.connect() as client:
        client.send(sent)
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Connection: close", *headers, status=status))
        return client.take_response()[0]


def start(target: str = START, *headers: str, host: str = "localhost:4360") -> bytes:
    protocol = ("X-Goog-Upload-Protocol: resumable", "X-Goog-Upload-Command: start")
    return request(target, *protocol, *headers, host=host)


@pytest.mark.parametrize("prefix", ["", "/gemini"])
def test_upload_urls_come_back_through_the_tap(tap: RunningTap, upstream: ScriptedUpstream, prefix: str) -> None:
    """Upload URLs are rewritten to the tap, with the client's prefix."""
    head = answered(
        tap,
        upstream,
        start(prefix + START),
        f"X-Goog-Upload-URL: {upstream.origin}{UPLOAD}",
        f"X-Goog-Upload-Control-URL: {upstream.origin}{UPLOAD}",
        "X-Goog-Upload-Status: active",
        "X-Goog-Upload-Chunk-Granularity: 262144",
    )
    assert head.value(b"x-goog-upload-url") == f"http://localhost:4360{prefix}{UPLOAD}".encode()
    assert head.value(b"x-goog-upload-control-url") == f"http://localhost:4360{prefix}{UPLOAD}".encode()
    assert head.value(b"x-goog-upload-status") == b"active"
    assert head.value(b"x-goog-upload-chunk-granularity") == b"262144"


def test_an_upload_url_of_google_comes_back_whatever_the_upstream_is(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """Google's upload URLs are rewritten for any upstream, since gateways pass them on unchanged."""
    url = f"X-Goog-Upload-URL: https://generativelanguage.googleapis.com{UPLOAD}"
    assert (
        answered(tap, upstream, start(), url).value(b"x-goog-upload-url") == f"http://localhost:4360{UPLOAD}".encode()
    )


def test_the_second_leg_goes_on_without_a_key(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Bytes, offset and command are forwarded unchanged. The JS SDK uses the root path whatever the prefix was."""
    data = bytes(range(256)) * 64
    headers = ("X-Goog-Upload-Command: upload, finalize", "X-Goog-Upload-Offset: 0")
    with tap.connect() as client:
        client.send(request(UPLOAD, *headers, body=data))
        peer = upstream.accept()
        head, body = peer.take_request()
        peer.send(response("X-Goog-Upload-Status: final", body=b'{"file":{"name":"files/x"}}'))
        got, answer = client.take_response()
    assert head.target == UPLOAD
    assert head.value(b"x-goog-upload-command") == b"upload, finalize"
    assert head.value(b"x-goog-api-key") is None
    assert body == data
    assert got.value(b"x-goog-upload-status") == b"final"
    assert answer == b'{"file":{"name":"files/x"}}'
    capture = tap.captured(got)
    assert capture.body("request") == data
    assert capture.request["key"] is None


@pytest.mark.parametrize(
    ("location", "seen"),
    [
        ("{origin}/download/v1beta/files/x:download?alt=media", "http://localhost:4360/download/v1beta/files/x:download?alt=media"),
        ("{origin}", "http://localhost:4360"),
        ("{origin}?x=1", "http://localhost:4360?x=1"),
        ("/v1beta/files/x", "/v1beta/files/x"),
        ("files/x", "files/x"),
        ("https://storage.invalid/x?sig=1", "https://storage.invalid/x?sig=1"),
        ("http://127.0.0.1:99999/x", "http://127.0.0.1:99999/x"),
        ("//evil.invalid/x", "//evil.invalid/x"),
    ],
)  # fmt: skip
def test_redirects_to_the_upstream_come_back_and_others_do_not(
    tap: RunningTap, upstream: ScriptedUpstream, location: str, seen: str
) -> None:
    """Only redirects to the upstream are rewritten to the tap."""
    header = f"Location: {location.format(origin=upstream.origin)}"
    head = answered(tap, upstream, start("/v1beta/files/x"), header, status="302 Found")
    assert head.status == 302
    assert head.value(b"location") == seen.encode()


def test_a_redirect_under_a_prefix_keeps_the_prefix(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A rewritten redirect keeps the client's prefix."""
    for location in (f"{upstream.origin}/v1beta/y", "/v1beta/y"):
        head = answered(tap, upstream, start("/gemini/v1beta/x"), f"Location: {location}", status="307 Elsewhere")
        assert head.value(b"location") in (b"http://localhost:4360/gemini/v1beta/y", b"/gemini/v1beta/y")


def test_an_upstream_with_a_path_of_its_own_keeps_it_to_itself(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """The path of an upstream is not visible in upload URLs."""
    tap = start_tap(upstream_of=f"{upstream.origin}/corp/google")
    with tap.connect() as client:
        client.send(start())
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(response("Connection: close", f"X-Goog-Upload-URL: {upstream.origin}/corp/google{UPLOAD}"))
        got, _ = client.take_response()
    assert head.target == f"/corp/google{START}"
    assert got.value(b"x-goog-upload-url") == f"http://localhost:4360{UPLOAD}".encode()


FORWARDED = ("X-Forwarded-Proto: https, http", "X-Forwarded-Host: tap.example, inner")


def test_a_stranger_is_not_believed_about_the_address(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """`X-Forwarded-*` headers of unknown peers are ignored."""
    head = answered(tap, upstream, start(START, *FORWARDED), f"X-Goog-Upload-URL: {upstream.origin}{UPLOAD}")
    assert head.value(b"x-goog-upload-url") == f"http://localhost:4360{UPLOAD}".encode()


def test_a_trusted_front_is_believed_about_the_address(
    start_tap: Callable[..., RunningTap], upstream: ScriptedUpstream
) -> None:
    """`X-Forwarded-*` headers of a trusted front set the address."""
    tap = start_tap(trusted_fronts=("127.0.0.1",))
    head = answered(tap, upstream, start(START, *FORWARDED), f"X-Goog-Upload-URL: {upstream.origin}{UPLOAD}")
    assert head.value(b"x-goog-upload-url") == f"https://tap.example{UPLOAD}".encode()
