"""Mistral on the wire: OpenAI's paths, and more of its own."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.openai.wire import ASKING, OpenAICompatibleWire
from gemtap.providers.wire import RawHeaders, json_error

_TYPES: Final = {401: "unauthorized", 404: "not_found", 422: "invalid_request_error", 429: "rate_limited"}


class MistralWire(OpenAICompatibleWire):
    """Mistral's API, whose errors have no object around them."""

    name = "mistral"
    title = "Mistral"
    upstream = "https://api.mistral.ai/v1"
    prefix = "mistral"
    hosts = (re.compile(r"(?:api|codestral)\.mistral\.ai"),)
    key_variables = ("MISTRAL_API_KEY",)
    asking = re.compile(rb"/(?:ocr|conversations(?:/+[^/]+(?:/+restart)?)?)/*$|" + ASKING.pattern)

    def error(self, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
        """An error as Mistral words one."""
        kind = _TYPES.get(status, "internal_server_error" if status >= 500 else "invalid_request_error")
        error = {"object": "error", "message": message, "type": kind, "param": None, "code": code.lower()}
        return json_error(error)


WIRE: Final = MistralWire()
