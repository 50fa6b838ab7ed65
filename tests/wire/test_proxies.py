"""Outgoing proxies that cannot be used: the error says what is wrong with the address, and not its password."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.wire.peers import PATIENCE, request
from tests.wire.running_tap import RunningTap

PASSWORD = "FAKEPROXYPW"
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize(
    ("proxy", "wrong"),
    [
        (f"sock5://user:{PASSWORD}@127.0.0.1:3128", "sock5"),
        (f"socks5://user:{PASSWORD}@127.0.0.1:3128", "socks5"),
        (f"user:{PASSWORD}@127.0.0.1:3128", "no scheme"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    start_tap: Callable[..., RunningTap], proxy: str, wrong: str
) -> None:
    """A request and a WebSocket end as upstream_unreachable, and the password is in no answer, capture or log."""
    tap = start_tap(
        environment={"http_proxy": proxy, "no_proxy": "", "NO_PROXY": ""}, upstream_of="http://gem.example.internal"
    )
    with tap.connect() as client:
        client.send(request())
        head, body = client.take_response()
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{tap.port}{LIVE}", open_timeout=PATIENCE, proxy=None)
    answer = refused.value.response
    for status, text, capture in (
        (head.status, body, tap.captured(head)),
        (answer.status_code, answer.body or b"", tap.capture_of(answer.headers["x-gemtap-id"])),
    ):
        assert status == 502
        assert wrong.encode() in text
        assert b"http://host:port" in text
        assert capture.outcome == "upstream_unreachable"
        assert wrong in capture.end["details"]
        assert PASSWORD.encode() not in text + capture.bytes
    assert PASSWORD not in tap.log.read_text()
