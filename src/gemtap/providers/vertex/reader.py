"""Vertex AI for the desk: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.base import Dialect
from gemtap.dialects.gemini_content.dialect import GEMINI_CONTENT
from gemtap.dialects.gemini_interactions.dialect import GEMINI_INTERACTIONS, INTERACTIONS
from gemtap.dialects.gemini_interactions.live import GEMINI_INTERACTIONS_LIVE
from gemtap.dialects.gemini_live.dialect import GEMINI_LIVE
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.providers.credential import Credential
from gemtap.providers.google.reader import ACCESS_TOKEN, MAKERS, GoogleReader, with_model
from gemtap.providers.vertex.client_setup import CLIENTS
from gemtap.providers.vertex.paths import read_path


class VertexReader(GoogleReader):
    """Reads exchanges with Vertex AI. It knows operation, model and errors of models that are not Google's."""

    resending = frozenset({"countTokens"})
    makers = MAKERS
    colour = ("#0e8a8a", "#55c9c9")
    setup = CLIENTS
    request_headers = frozenset(
        {
            *("x-goog-user-project", "api-revision", "anthropic-version"),
            *("x-vertex-ai-llm-request-type", "x-vertex-ai-llm-shared-request-type"),
        }
    )

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the path alone."""
        return read_path(method, path)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        """By what the operation begins with."""
        if is_session:
            return GEMINI_INTERACTIONS_LIVE if operation == "interactions.live" else GEMINI_LIVE
        if operation in INTERACTIONS:
            return GEMINI_INTERACTIONS
        return OPENAI_CHAT if operation.startswith("openai.") else GEMINI_CONTENT

    def credential(self, path: bytes) -> Credential:
        """An access token of Google Cloud."""
        return ACCESS_TOKEN

    def with_model(self, path: str, model: str) -> str | None:
        """After `models/`, `tunedModels/` or `endpoints/`."""
        return with_model(path, model)


READER: Final = VertexReader()
