"""The Gemini API: https://ai.google.dev/api."""

from __future__ import annotations

from gemtap.providers.base import Parsed, RawExchange
from gemtap.providers.gemini_content import read_content
from gemtap.providers.gemini_fields import model_name
from gemtap.providers.gemini_interactions import read_interaction
from gemtap.providers.gemini_live import is_session, read_session
from gemtap.providers.gemini_paths import read_path
from gemtap.providers.openai_api import read_openai


class Gemini:
    """Reads exchanges with the Gemini API."""

    name = "gemini"

    def parse(self, exchange: RawExchange) -> Parsed:
        """Read one exchange: whatever the shape of its JSON, what has the shape that is documented."""
        operation, model = read_path(exchange.method, exchange.path)
        if is_session(exchange):
            return read_session(exchange, operation)
        if operation.startswith("interactions."):
            return read_interaction(exchange, operation, model_name(exchange.request_json))
        if operation.startswith("openai."):
            return read_openai(exchange, operation, model or model_name(exchange.request_json))
        return read_content(exchange, operation, model)
