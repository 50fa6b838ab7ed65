"""Ollama for the desk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gemtap.dialects.base import UNKNOWN_OPERATION, Dialect
from gemtap.dialects.ollama.dialect import OLLAMA
from gemtap.interaction import Cost
from gemtap.providers.instructions import Instructions
from gemtap.providers.ollama.client_setup import CLIENTS
from gemtap.providers.openai.reader import OpenAICompatibleReader
from gemtap.providers.reader import Bill

_OWN: Final = re.compile(r"/+api/+([a-z]+)(?:/+[^/]+)?/*")
_PREFIX: Final = "ollama."


class OllamaReader(OpenAICompatibleReader):
    """Reads Ollama's own operations, `ollama.chat` and the like, and OpenAI's."""

    billed = OpenAICompatibleReader.billed | {"ollama.chat", "ollama.generate", "ollama.embed", "ollama.embeddings"}
    colour = ("#5f6368", "#c3c7cc")
    setup: Mapping[str, Instructions] = CLIENTS

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the word after `/api/`."""
        own = _OWN.fullmatch(path)
        if own is not None:
            return _PREFIX + own[1], None
        return super().operation(method, path) if path.strip("/") else (UNKNOWN_OPERATION, None)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect | None:
        """By the operation."""
        if operation.startswith(_PREFIX):
            return OLLAMA
        return super().dialect(operation, is_session=is_session)

    def price(self, bill: Bill) -> Cost | None:
        """Nothing is billed."""
        return None


READER: Final = OllamaReader()
