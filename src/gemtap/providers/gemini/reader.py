"""The Gemini API for the desk: https://ai.google.dev/api."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.base import Dialect
from gemtap.dialects.gemini_content.dialect import GEMINI_CONTENT
from gemtap.dialects.gemini_content.write import write
from gemtap.dialects.gemini_interactions.dialect import GEMINI_INTERACTIONS, INTERACTIONS
from gemtap.dialects.gemini_interactions.live import GEMINI_INTERACTIONS_LIVE
from gemtap.dialects.gemini_live.dialect import GEMINI_LIVE
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.dialects.writing import Prompt, Written
from gemtap.providers.gemini.client_setup import CLIENTS
from gemtap.providers.gemini.paths import read_path
from gemtap.providers.google.reader import MAKERS, GoogleReader, with_model


class GeminiReader(GoogleReader):
    """Reads exchanges with the Gemini API, its Interactions API, its Live API and its OpenAI-compatible one."""

    resending = frozenset({"countTokens"})
    makers = MAKERS
    colour = ("#2f6fce", "#7fb0ff")
    setup = CLIENTS
    request_headers = frozenset({"x-goog-user-project", "api-revision", "openai-beta"})

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the path alone."""
        return read_path(method, path)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        """By what the operation begins with."""
        if is_session:
            return GEMINI_INTERACTIONS_LIVE if operation == "interactions.live" else GEMINI_LIVE
        if operation in INTERACTIONS:
            return GEMINI_INTERACTIONS
        if operation.startswith("openai."):
            return OPENAI_CHAT
        return GEMINI_CONTENT

    def write(self, prompt: Prompt) -> Written:
        """As generated content."""
        return write(prompt)

    def with_model(self, path: str, model: str) -> str | None:
        """After `models/`, `tunedModels/` or `endpoints/`."""
        return with_model(path, model)


READER: Final = GeminiReader()
