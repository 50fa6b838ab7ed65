"""The Gemini API for the desk: https://ai.google.dev/api."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.base import Dialect
from gemtap.dialects.gemini_content.dialect import GEMINI_CONTENT
from gemtap.dialects.gemini_interactions.dialect import GEMINI_INTERACTIONS
from gemtap.dialects.gemini_live.dialect import GEMINI_LIVE
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.providers.gemini.paths import read_path
from gemtap.providers.google_models import MAKERS
from gemtap.providers.reader import Reader


class GeminiReader(Reader):
    """Reads exchanges with the Gemini API, its Interactions API, its Live API and its OpenAI-compatible one."""

    unbilled = frozenset({"countTokens"})
    resending = frozenset({"countTokens"})
    makers = MAKERS

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the path alone."""
        return read_path(method, path)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        """By what the operation begins with."""
        if is_session:
            return GEMINI_LIVE
        if operation.startswith("interactions."):
            return GEMINI_INTERACTIONS
        if operation.startswith("openai."):
            return OPENAI_CHAT
        return GEMINI_CONTENT


READER: Final = GeminiReader()
