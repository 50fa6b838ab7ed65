"""Requests from web pages of other sites are refused."""

from __future__ import annotations

import json

import pytest

from tests.wire.peers import ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap


def refusal(tap: RunningTap, raw: bytes) -> tuple[int, str, str]:
    """Status, code and message of the refusal. Checks that the exchange is captured as refused."""
    with tap.connect() as client:
        client.send(raw)
        head, body = client.take_response()
    capture = tap.captured(head)
    assert capture.outcome == "refused"
    assert capture.request["upstream"] is None
    error = json.loads(body)["error"]
    assert error["code"] == head.status
    return head.status, error["status"], error["message"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4360", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_a_name_that_a_stranger_made_point_here(tap: RunningTap, upstream: ScriptedUpstream, host: str) -> None:
    """A foreign `Host` (DNS rebinding) gets a 403 that names the setting."""
    status, code, message = refusal(tap, request(host=host))
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert host in message
    assert "allowed_hosts" in message
    assert upstream.nobody_calls(0.1)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://192.168.1.7"]
)
def test_a_page_of_a_stranger(tap: RunningTap, upstream: ScriptedUpstream, origin: str) -> None:
    """A foreign `Origin` gets a 403 that names the setting."""
    status, code, message = refusal(tap, request("/v1beta/models", f"Origin: {origin}", method="GET", body=b""))
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert origin in message
    assert "allowed_origins" in message
    assert upstream.nobody_calls(0.1)


def test_a_websocket_of_a_stranger(tap: RunningTap, upstream: ScriptedUpstream) -> None:
    """A WebSocket handshake with a foreign `Origin` gets a 403."""
    upgrade = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + "A" * 22 + "==",
    )
    target = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    raw = request(target, *upgrade, "Origin: https://evil.example", method="GET", body=b"")
    assert refusal(tap, raw)[0] == 403
    assert upstream.nobody_calls(0.1)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:4360", "http://localhost:3000"),
        ("127.0.0.1:4360", "vscode-webview://1a2b3c"),
        ("192.168.1.7:4360", "http://192.168.1.7:4360"),
        ("gemtap:4360", "http://127.0.0.1:5173"),
    ],
)
def test_pages_of_this_machine_and_of_the_editor(
    tap: RunningTap, upstream: ScriptedUpstream, host: str, origin: str
) -> None:
    """Pages of this machine and of VS Code are allowed."""
    with tap.connect() as client:
        client.send(request("/v1beta/models", f"Origin: {origin}", host=host))
        peer = upstream.accept()
        head, _ = peer.take_request()
        assert head.value(b"origin") == origin.encode()
        peer.send(response("Connection: close"))
        assert client.take_head().status == 200
