"""Which upstream each path is routed to, seen by a proxy for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gemtap.settings import Providers, ProviderSettings
from tests.wire.peers import ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

GEMINI = "http://gemini.invalid"
MODEL = "publishers/google/models/gemini-2.5-pro:generateContent"


@pytest.fixture(scope="module")
def routes(module_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTap]:
    """A tap with unresolvable upstream names, which only the proxy, played by the test, accepts."""
    tap = RunningTap(
        tmp_path_factory.mktemp("routes") / "data",
        GEMINI,
        {"http_proxy": module_upstream.origin, "no_proxy": "", "NO_PROXY": ""},
        providers=Providers(
            gemini=ProviderSettings(upstream=GEMINI),
            vertex=ProviderSettings(upstream="http://{location}-vertex.invalid"),
            code_assist=ProviderSettings(upstream="http://code-assist.invalid"),
            antigravity=ProviderSettings(upstream="http://daily.invalid"),
        ),
    )
    yield tap
    tap.close()


@pytest.mark.parametrize(
    ("path", "reached", "provider"),
    [
        ("/v1beta/models", f"{GEMINI}/v1beta/models", "gemini"),
        (f"/v1beta1/{MODEL}", f"http://vertex.invalid/v1beta1/{MODEL}", "vertex"),
        (
            f"/v1/projects/p/locations/europe-west4/{MODEL}",
            f"http://europe-west4-vertex.invalid/v1/projects/p/locations/europe-west4/{MODEL}",
            "vertex",
        ),
        (
            f"/vertex/v1/projects/p/locations/us-east1/{MODEL}",
            f"http://us-east1-vertex.invalid/v1/projects/p/locations/us-east1/{MODEL}",
            "vertex",
        ),
        (
            f"/v1/projects/p/locations/evil.com%2F/{MODEL}",
            f"http://vertex.invalid/v1/projects/p/locations/evil.com%2F/{MODEL}",
            "vertex",
        ),
        ("/v1internal:loadCodeAssist", "http://code-assist.invalid/v1internal:loadCodeAssist", "code_assist"),
        ("/code-assist/v1internal:x", "http://code-assist.invalid/v1internal:x", "code_assist"),
        ("/antigravity/v1internal:x", "http://daily.invalid/v1internal:x", "antigravity"),
    ],
)
def test_a_path_leads_to_its_upstream(
    routes: RunningTap, upstream: ScriptedUpstream, path: str, reached: str, provider: str
) -> None:
    """Each path is sent to its provider's host, and captured with its provider."""
    with routes.connect() as client:
        client.send(request(path))
        peer = upstream.accept()
        head, _ = peer.take_request()
        peer.send(response())
        answer, _ = client.take_response()
    assert head.target == reached
    assert head.value(b"host") == reached.split("/")[2].encode()
    capture = routes.captured(answer)
    assert (capture.request["provider"], capture.request["upstream"]) == (provider, reached[: reached.index("/", 7)])
