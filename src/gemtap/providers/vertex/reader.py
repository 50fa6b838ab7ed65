"""Gemini on Vertex AI: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference."""

from __future__ import annotations

from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.gemini_content.dialect import read_content
from gemtap.dialects.gemini_content.fields import model_name
from gemtap.dialects.gemini_live.dialect import is_session, read_session
from gemtap.dialects.openai_chat.dialect import read_openai
from gemtap.providers.vertex.paths import read_path


class Vertex:
    """Reads exchanges with Vertex AI. Of models that are not Google's it knows operation and model, and errors."""

    name = "vertex"

    def parse(self, exchange: RawExchange) -> Parsed:
        """Read one exchange, as with Gemini: the same shapes at other paths."""
        operation, model = read_path(exchange.method, exchange.path)
        if is_session(exchange):
            return read_session(exchange, operation)
        if operation.startswith("openai."):
            return read_openai(exchange, operation, model_name(exchange.request_json))
        return read_content(exchange, operation, model)
