"""The Gemini API: https://ai.google.dev/api."""

from __future__ import annotations

from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.gemini_content.dialect import read_content
from gemtap.dialects.gemini_content.fields import model_name
from gemtap.dialects.gemini_interactions.dialect import read_interaction
from gemtap.dialects.gemini_live.dialect import is_session, read_session
from gemtap.dialects.openai_chat.dialect import read_openai
from gemtap.providers.gemini.paths import read_path


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
