"""Anthropic's API on the wire."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.common_secrets import STORED_CREDENTIAL
from gemtap.providers.credential import Credential
from gemtap.providers.secrets import Declared
from gemtap.providers.wire import RawHeaders, Route, Wire, json_error

_PATHS: Final = re.compile(rb"/+(?:v1|api)(?:/|$)")

# Clients whose base URL is meant to end in /v1, and does not.
_WITHOUT_VERSION: Final = re.compile(rb"/+(?:messages|complete|models)(?:[/?]|$)")

_API_KEY: Final = Credential(("ANTHROPIC_API_KEY",), "x-api-key")

_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""https://platform.claude.com/docs/en/api/errors. Every other status is an `api_error`."""


class AnthropicWire(Wire):
    """Anthropic's API under its prefix: Gemini has the paths at the root."""

    name = "anthropic"
    title = "Anthropic"
    upstream = "https://api.anthropic.com"
    prefix = "anthropic"
    version = "/v1"
    hosts = (re.compile(r"(api|console|platform)\.anthropic\.com|platform\.claude\.com"),)
    asking = re.compile(rb"/(?:messages(?:/+batches)?|complete)/*$")
    own_paths = re.compile(r"/v1/(messages|complete)(/|$)")
    # After the types of anthropic 2.14.0 and the Admin API.
    secrets = Declared(
        headers=(b"x-api-key", b"authorization"),
        held=(
            (rb"/vaults/[^/]+/credentials(?:[/?]|$)", STORED_CREDENTIAL, STORED_CREDENTIAL),
            (rb"/(?:reveal|rotate)_token(?:[/?]|$)", (), ("$..tunnel_token", "$..token")),
            (rb"/webhook", (), ("$..signing_secret", "$..secret")),
            (rb"/telemetry_destinations(?:[/?]|$)", ("$..headers.*",), ("$..headers.*",)),
            (rb"/environments/[^/]+/work", ("$..secret",), ("$..secret",)),
            # Claude Code's login: https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.3
            (
                rb"/oauth/",
                (*STORED_CREDENTIAL, "$..code", "$..code_verifier", "$..state"),
                (*STORED_CREDENTIAL, "$..raw_key"),
            ),
            (rb"/(?:api_keys|create_api_key)(?:[/?]|$)", (), ("$..raw_key", "$..api_key", "$..key", "$..value")),
        ),
        elsewhere=("$..authorization_token", "$..tunnel_token", "$..signing_secret"),
    )

    def route(self, path: bytes) -> Route | None:
        """Its paths go on as they are; one without a version gets one."""
        if _PATHS.match(path):
            return Route(self.name, path)
        if _WITHOUT_VERSION.match(path):
            return Route(self.name, b"/v1/" + path.lstrip(b"/"))
        return None

    def credential(self, path: bytes) -> Credential:
        """An API key."""
        return _API_KEY

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """An error as Anthropic words one. It has no `request_id`: no request has reached the API."""
        error = {"type": _ERROR_TYPES.get(status, "api_error"), "message": message}
        return json_error({"type": "error", "error": error, "request_id": None})


WIRE: Final = AnthropicWire()
