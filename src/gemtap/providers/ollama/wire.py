"""Ollama on the wire: its own paths, and those of OpenAI that it has too."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from gemtap.providers.credential import Credential, bearer
from gemtap.providers.openai.secrets import OPENAI
from gemtap.providers.openai.wire import ASKING
from gemtap.providers.wire import RawHeaders, Route, Wire, json_error

_CONTENT_TYPE: Final = b"application/json; charset=utf-8"

_KEY: Final = replace(bearer("OLLAMA_API_KEY"), needed=False)

_AT_ROOT: Final = re.compile(
    rb"/+api/+(?:chat|generate|embed|embeddings|tags|ps|show|create|copy|delete|pull|push|blobs|version)(?=/|$)"
)


class OllamaWire(Wire):
    """Ollama on this machine. Some of its clients take a host and no path: its own paths are known at the root too."""

    name = "ollama"
    title = "Ollama"
    upstream = "http://localhost:11434"
    prefix = "ollama"
    root_order = 50
    root_paths = "/api/chat, /api/generate, /api/tags, ..."
    secrets = OPENAI
    asking = re.compile(rb"/api/+(?:chat|generate|embed|embeddings)/*$|" + ASKING.pattern)

    def route(self, path: bytes) -> Route | None:
        """Every path: `/` is how clients ask whether it runs."""
        return Route(self.name, path) if path.startswith(b"/") else None

    def route_at_root(self, path: bytes) -> Route | None:
        """Its own paths."""
        return Route(self.name, path) if _AT_ROOT.match(path) else None

    def credential(self, path: bytes) -> Credential:
        """None is needed, except by Ollama's own cloud."""
        return _KEY

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """An error as Ollama words one: a text."""
        return json_error({"error": message}, content_type=_CONTENT_TYPE)


WIRE: Final = OllamaWire()
