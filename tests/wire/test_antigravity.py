"""Antigravity insists on its own headers: they reach Google as they were sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gemtap.settings import Providers, ProviderSettings
from tests.wire.peers import ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

HEADERS = (
    "User-Agent: antigravity/1.2.15 linux/amd64",
    "X-Goog-Api-Client: gl-go/1.25.0 google-genai-sdk/1.40.0",
    "Api-Revision: 2026-10-01",
)


@pytest.fixture
def antigravity(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTap]:
    """A tap whose Antigravity API is the scripted upstream."""
    tap = RunningTap(
        tmp_path_factory.mktemp("antigravity") / "data",
        upstream.origin,
        providers=Providers(antigravity=ProviderSettings(upstream=upstream.origin)),
    )
    yield tap
    tap.close()


def test_its_headers_are_unchanged(antigravity: RunningTap, upstream: ScriptedUpstream) -> None:
    """Values to the letter, in their order."""
    with antigravity.connect() as client:
        client.send(request("/antigravity/v1internal:streamGenerateContent?alt=sse", *HEADERS))
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(response("Connection: close"))
        assert client.take_response()[0].status == 200
    assert head.target == "/v1internal:streamGenerateContent?alt=sse"
    sent = [(name.lower(), value) for name, value in (line.encode().split(b": ", 1) for line in HEADERS)]
    assert [header for header in head.headers if header in sent] == sent
