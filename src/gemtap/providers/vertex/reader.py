"""Vertex AI for the desk: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.anthropic_messages.dialect import ANTHROPIC_MESSAGES
from gemtap.dialects.base import Dialect
from gemtap.dialects.gemini_content.dialect import GEMINI_CONTENT
from gemtap.dialects.gemini_interactions.dialect import GEMINI_INTERACTIONS, INTERACTIONS
from gemtap.dialects.gemini_interactions.live import GEMINI_INTERACTIONS_LIVE
from gemtap.dialects.gemini_live.dialect import GEMINI_LIVE
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.interaction import Cost
from gemtap.providers.claude.billing import price as claude_price
from gemtap.providers.google.reader import BILLED, MAKERS, GoogleReader, with_model
from gemtap.providers.reader import Bill
from gemtap.providers.vertex.client_setup import CLIENTS
from gemtap.providers.vertex.paths import BILLED_MESSAGES, COUNT_TOKENS, read_path


class VertexReader(GoogleReader):
    """Reads exchanges with Vertex AI.

    Models of Anthropic have its Messages API. For those of other makers it reads operation, model and errors.
    """

    billed = BILLED | BILLED_MESSAGES
    resending = frozenset({"countTokens", COUNT_TOKENS})
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
        if operation == COUNT_TOKENS or operation in BILLED_MESSAGES:
            return ANTHROPIC_MESSAGES
        return OPENAI_CHAT if operation.startswith("openai.") else GEMINI_CONTENT

    def price(self, bill: Bill) -> Cost | None:
        """By the list of the model's maker. Anthropic's prices hold for the global endpoint."""
        if bill.operation in BILLED_MESSAGES:
            return claude_price(bill, [model.rpartition("/")[2] for model in bill.models if model is not None])
        return super().price(bill)

    def with_model(self, path: str, model: str) -> str | None:
        """After `models/`, `tunedModels/` or `endpoints/`."""
        return with_model(path, model)


READER: Final = VertexReader()
