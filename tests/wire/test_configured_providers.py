"""A provider of the settings: where its requests go, and which headers the settings add to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gemtap.settings import Providers
from tests.wire.peers import Head, ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

SECRET = "s3cret-of-the-settings"


@pytest.fixture
def tap(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTap]:
    """A tap with the provider `lab`, whose address ends in a version."""
    lab = {
        "dialect": "gemini",
        "upstream": f"{upstream.origin}/api/v1",
        "headers": {"Authorization": "Bearer ${LAB_KEY}", "x-team": "blue"},
    }
    tap = RunningTap(
        tmp_path_factory.mktemp("lab") / "data",
        upstream.origin,
        {"LAB_KEY": SECRET},
        providers=Providers.model_validate({"lab": lab}),
    )
    yield tap
    tap.close()


def exchange(tap: RunningTap, upstream: ScriptedUpstream, path: str, *headers: str, answer: bytes = b"") -> Head:
    """The request's head as the upstream has it."""
    with tap.connect() as client:
        client.send(request(path, *headers))
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(
            response(
                "Connection: close", f"Content-Length: {len(answer)}", status="401 Unauthorized" if answer else "200 OK"
            )
        )
        peer.send(answer)
        client.take_response()
        client.close()
    return head


def test_headers_of_the_settings_are_added_where_the_client_sends_none(
    tap: RunningTap, upstream: ScriptedUpstream
) -> None:
    """None of them is captured, not even where the upstream repeats one."""
    head = exchange(tap, upstream, "/lab/v1/chat/completions", answer=b'{"error": "wrong key %s"}' % SECRET.encode())
    assert head.target == "/api/v1/chat/completions"
    assert (head.value(b"authorization"), head.value(b"x-team")) == (f"Bearer {SECRET}".encode(), b"blue")
    capture = tap.only_capture()
    assert SECRET.encode() not in capture.bytes
    assert b"blue" not in capture.bytes
    assert b"wrong key [redacted:" in capture.bytes


def test_what_the_client_sends_stands(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """Its own header goes on unchanged, and is as secret."""
    tap.forget()
    sent = ("Authorization: Bearer of-the-client", "X-Team: red-herring-of-the-client")
    head = exchange(tap, upstream, "/lab/api/v1/models", *sent)
    assert head.target == "/api/v1/models"
    assert [value for name, value in head.headers if name == b"authorization"] == [b"Bearer of-the-client"]
    assert [value for name, value in head.headers if name == b"x-team"] == [b"red-herring-of-the-client"]
    assert b"of-the-client" not in tap.only_capture().bytes


def test_other_providers_get_none_of_them(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A header is its provider's alone; and a path that no provider has is not forwarded."""
    with tap.connect() as client:
        client.send(request("/lab2/v1/models"))
        head, body = client.take_response()
    assert head.status == 404
    assert b"/lab/..." in body
