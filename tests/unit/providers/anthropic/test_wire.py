"""Anthropic's API on the wire: routes, errors of Gemtap's own, credentials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gemtap.providers.anthropic.paths import read_path
from gemtap.providers.declared_secrets import secrets_of
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import match
from gemtap.providers.secrets import plain

SURFACE = json.loads((Path(__file__).parents[3] / "surface" / "anthropic.json").read_text())


@pytest.mark.parametrize(
    ("path", "upstream_path"),
    [
        (b"/anthropic/v1/messages", b"/v1/messages"),
        (b"/anthropic//v1/messages/count_tokens", b"//v1/messages/count_tokens"),
        (b"/anthropic/messages", b"/v1/messages"),
        (b"/anthropic/api/event_logging/batch", b"/api/event_logging/batch"),
    ],
)
def test_paths_below_the_prefix_are_routed(path: bytes, upstream_path: bytes) -> None:
    """Also without a version, as clients send them whose base URL lacks it."""
    route = match(path)
    assert route is not None
    assert (route.provider, route.path) == ("anthropic", upstream_path)


def test_other_paths_have_no_route() -> None:
    """The root is Gemini's, and the prefix has no other paths than the API's."""
    assert match(b"/anthropic/x") is None
    route = match(b"/v1/messages")
    assert route is None or route.provider != "anthropic"


def test_every_operation_of_the_sdk_is_known() -> None:
    """No request of Anthropic's SDK is `unknown`."""
    found = {(method, path): read_path(method, path)[0] for method, path in SURFACE["requests"]}
    assert len(found) > 280
    assert [each for each, operation in found.items() if operation == "unknown"] == []


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/messages", ("messages.create", None)),
        ("POST", "/v1/messages/count_tokens", ("messages.count_tokens", None)),
        ("GET", "/v1/messages/batches/b/results", ("messages.batches.results", None)),
        ("POST", "/v1/messages/batches", ("messages.batches.create", None)),
        ("GET", "/v1/models/claude-sonnet-4-5", ("models.get", "claude-sonnet-4-5")),
        ("GET", "/v1/models/files", ("models.get", "files")),
        ("GET", "/v1/files/f/content", ("files.content", None)),
        ("POST", "/v1/skills/s/versions", ("skills.versions.create", None)),
        ("POST", "/v1/complete", ("complete", None)),
        ("POST", "/api/event_logging/batch", ("api.event_logging.batch", None)),
        ("GET", "/v1/nothing/of/this", ("unknown", None)),
        ("BREW", "/v1/files", ("unknown", None)),
    ],
)
def test_operations_are_named_after_their_paths(method: str, path: str, expected: tuple[str, str | None]) -> None:
    """The names of the path, and what is done."""
    assert read_path(method, path) == expected


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, "permission_error"), (503, "overloaded_error"), (502, "api_error"), (504, "timeout_error")],
)
def test_errors_have_anthropics_shape(status: int, kind: str) -> None:
    """Clients read the type and the message of what Gemtap itself answers."""
    _, body = PROVIDERS["anthropic"].wire.error(status, "UNAVAILABLE", "Not reachable.")
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": kind, "message": "Not reachable."},
        "request_id": None,
    }


def test_credentials_in_headers_are_secret() -> None:
    """API keys, and the tokens of Claude Code's login."""
    assert {b"x-api-key", b"authorization"} <= secrets_of("anthropic").headers


@pytest.mark.parametrize(
    ("path", "request_names", "response_names"),
    [
        (
            b"/v1/oauth/token",
            ["code", "code_verifier", "refresh_token", "client_secret"],
            ["access_token", "refresh_token"],
        ),
        (b"/api/oauth/claude_cli/create_api_key", [], ["raw_key"]),
        (b"/v1/organizations/api_keys/k", [], ["key", "value"]),
        (b"/v1/vaults/v/credentials", ["access_token"], ["token"]),
        (b"/v1/tunnels/t/reveal_token", [], ["token"]),
        (b"/v1/messages", ["authorization_token"], []),
    ],
)
def test_secrets_in_bodies_are_declared(path: bytes, request_names: list[str], response_names: list[str]) -> None:
    """Bodies that hand over a credential: logins, keys of the Admin API, vaults, MCP servers."""
    operation = secrets_of("anthropic").of(path)
    assert [name for name in request_names if not operation.request.lead_to([plain(name)])] == []
    assert [name for name in response_names if not operation.response.lead_to([plain(name)])] == []
