"""The Gemini API on the wire."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.credential import Credential, bearer
from gemtap.providers.google.wire import GoogleWire
from gemtap.providers.wire import Route

# JavaScript's Live client with a base URL that ends in a slash sends //ws/..., and so to Google: it goes on as it is.
_PATHS: Final = re.compile(rb"/+(?:v1|v1beta|v1alpha|upload|download|ws)(?:/|$)")

# LiteLLM and aider call a base URL without a version bare.
_WITHOUT_VERSION: Final = re.compile(rb"/+models/")

_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_API_KEY: Final = Credential(_VARIABLES, "x-goog-api-key")
_BEARER: Final = bearer(*_VARIABLES)


class GeminiWire(GoogleWire):
    """The Gemini API is at the root: it gets every path of its shape that no other provider claims."""

    name = "gemini"
    title = "Gemini"
    upstream = "https://generativelanguage.googleapis.com"
    prefix = "gemini"
    version = "/v1beta"
    hosts = (re.compile(r"generativelanguage\.googleapis\.com"),)
    root_paths = "/v1/..., /v1beta/..., /v1alpha/..., /upload/..., /download/..., /ws/..., /models/..."
    root_order = 100
    is_default = True

    def route(self, path: bytes) -> Route | None:
        """Its paths go on as they are; one without a version gets one."""
        if _PATHS.match(path):
            return Route(self.name, path)
        if _WITHOUT_VERSION.match(path):
            return Route(self.name, b"/v1beta/" + path.lstrip(b"/"))
        return None

    def route_at_root(self, path: bytes) -> Route | None:
        """The same paths."""
        return self.route(path)

    def credential(self, path: bytes) -> Credential:
        """An API key, which the OpenAI-compatible paths take as a bearer token."""
        return _BEARER if b"/openai/" in path else _API_KEY


WIRE: Final = GeminiWire()
