"""OpenAI's paths, upstreams and errors on the wire."""

from __future__ import annotations

import json

import pytest

from gemtap.providers.openai.wire import WIRE, OpenAICompatibleWire
from gemtap.providers.routing import match, origin_of


class Versionless(OpenAICompatibleWire):
    """An API whose base URL has a version of another form."""

    name = "versionless"
    title = "Versionless"
    upstream = "https://versionless.example/api/v4"
    prefix = "versionless"
    version = ""


@pytest.mark.parametrize("base", ["/openai/v1", "/openai", "/openai//v1", "/openai/"])
@pytest.mark.parametrize(
    "upstream", ["https://api.openai.com/v1", "https://api.openai.com", "https://api.openai.com/v1/"]
)
def test_both_forms_of_base_urls_lead_to_the_same_path(base: str, upstream: str) -> None:
    """SDKs have the version in the base URL, and people leave it out."""
    route = match(f"{base}/chat/completions".encode())
    assert route is not None
    origin = origin_of(route, {"openai": upstream})
    assert (origin or "") + route.path.decode() == "https://api.openai.com/v1/chat/completions"


def test_an_upstream_keeps_what_stands_before_the_version() -> None:
    """Gateways have the API below a path of their own."""
    route = WIRE.route(b"/chat/completions")
    assert route is not None
    assert WIRE.origin(route, "https://gateway.example/openai/v1") == "https://gateway.example/openai"


@pytest.mark.parametrize("path", [b"/chat/completions", b"/v1/chat/completions"])
def test_an_api_without_a_version_gets_paths_without_one(path: bytes) -> None:
    """The version is in its upstream, in another form."""
    wire = Versionless()
    route = wire.route(path)
    assert route is not None
    assert (
        wire.origin(route, wire.upstream) + route.path.decode() == "https://versionless.example/api/v4/chat/completions"
    )


def test_names_that_begin_like_a_version_stay() -> None:
    """`/v1x` is a path like any other."""
    route = WIRE.route(b"/v1x/y")
    assert route is not None
    assert route.path == b"/v1/v1x/y"


def test_escapes_and_doubled_slashes_inside_a_path_stay() -> None:
    """Ids go on as the client wrote them."""
    route = WIRE.route(b"/v1/models/a%2Fb//c")
    assert route is not None
    assert route.path == b"/v1/models/a%2Fb//c"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request_error"), (403, "permission_error"), (502, "server_error")]
)
def test_errors_have_the_shape_of_openai(status: int, kind: str) -> None:
    """SDKs read `error.message`, `type`, `param` and `code`."""
    _headers, body = WIRE.error(status, "UNAVAILABLE", "Not reachable.")
    assert json.loads(body)["error"] == {
        "message": "Not reachable.",
        "type": kind,
        "param": None,
        "code": "unavailable",
    }
