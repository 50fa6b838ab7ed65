"""OpenAI's API on the wire, and that of every server with the same paths."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.credential import Credential, bearer
from gemtap.providers.openai.secrets import OPENAI
from gemtap.providers.wire import RawHeaders, Route, Wire, json_error

_VERSION: Final = re.compile(rb"/+v1(?=/|$)")

ASKING: Final = re.compile(
    rb"/(?:completions|responses(?:/+compact)?|embeddings|decisions|images/+(?:generations|edits|variations)"
    rb"|videos(?:/+(?:[^/]+/+remix|edits|extensions))?|audio/+(?:speech|transcriptions|translations)"
    rb"|realtime(?:/+(?:translations|calls))?|live/+sessions/+[^/]+/+(?:attach|fork))/*$"
)
"""The paths of OpenAI whose POST asks a model for something."""

_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class OpenAICompatibleWire(Wire):
    """An API with OpenAI's paths and errors. A subclass names it, its prefix and its upstream."""

    version: str = "/v1"
    """What its paths begin with. Clients may leave it out of their base URL: it is added. Empty for an API whose paths
    have no version, or whose upstream has another one, such as `https://x.example/api/v4`."""
    secrets = OPENAI
    asking = ASKING
    key_variables: tuple[str, ...] = ()
    """Environment variables with the API key; the first that is set counts."""

    def route(self, path: bytes) -> Route | None:
        """Every path but `/`: `/v1/chat/completions` and `/chat/completions` are the same."""
        rest = _VERSION.sub(b"", path, count=1) if self.version or _VERSION.match(path) else path
        rest = b"/" + rest.lstrip(b"/")
        return Route(self.name, self.version.encode() + rest) if rest != b"/" else None

    def origin(self, route: Route, configured: str) -> str:
        """An upstream may end with the version, as base URLs of SDKs do: the path has it already."""
        base = configured.rstrip("/")
        return base.removesuffix(self.version) if self.version else base

    def credential(self, path: bytes) -> Credential | None:
        """An API key as a bearer token."""
        return bearer(*self.key_variables) if self.key_variables else None

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """An error as OpenAI words one: https://platform.openai.com/docs/guides/error-codes."""
        kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        error = {"error": {"message": message, "type": kind, "param": None, "code": code.lower()}}
        return json_error(error, indent=2)

    def limited(self, message: str, retry_after: int) -> tuple[RawHeaders, bytes]:
        """With the code that OpenAI has for it."""
        return self.error(429, "RATE_LIMIT_EXCEEDED", message)


class OpenAIWire(OpenAICompatibleWire):
    """OpenAI itself, with the hosts of its regions."""

    name = "openai"
    title = "OpenAI"
    upstream = "https://api.openai.com/v1"
    prefix = "openai"
    hosts = (re.compile(r"(?:[a-z]{2}\.)?api\.openai\.com"),)
    key_variables = ("OPENAI_API_KEY",)


WIRE: Final = OpenAIWire()
