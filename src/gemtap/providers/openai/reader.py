"""OpenAI's API for the desk, and every API with the same paths: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from gemtap.dialects.base import Dialect
from gemtap.dialects.openai_chat.batches import RESULTS
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.dialects.openai_chat.paths import openai_operation
from gemtap.dialects.openai_chat.write import write
from gemtap.dialects.openai_realtime.dialect import OPENAI_REALTIME, OPENAI_RESPONSES_SESSION
from gemtap.dialects.openai_responses.dialect import OPENAI_RESPONSES, RESPONSES
from gemtap.dialects.writing import Prompt, Written
from gemtap.interaction import Cost
from gemtap.providers.instructions import Instructions
from gemtap.providers.openai.billing import price
from gemtap.providers.openai.client_setup import CLIENTS
from gemtap.providers.reader import Bill, Reader

_VERSION: Final = re.compile(r"/+v1(?=/|$)")

BILLED: Final = frozenset(
    f"openai.{name}"
    for name in (
        *("chat.completions", "completions", "responses", "responses.compact", "embeddings", "decisions"),
        *("images.generations", "images.edits", "images.variations", "videos", "videos.remix", "videos.edits"),
        *("audio.speech", "audio.transcriptions", "audio.translations"),
        *("realtime", "realtime.translations", "live.sessions", "live.sessions.attach", "live.sessions.fork"),
    )
)
"""Operations whose tokens are counted. Everything else looks something up, or is free of charge."""

TOLD_LATER: Final = frozenset({"openai.responses.get", "openai.responses.cancel"})
"""A response in the background reports its usage to whoever asks for it when it has ended."""


class OpenAICompatibleReader(Reader):
    """Reads OpenAI's operations. A subclass names who makes the models that have a price."""

    billed = BILLED
    told_later = TOLD_LATER
    batch_results = frozenset({RESULTS})
    resending = frozenset({"openai.responses.input_tokens", "openai.responses.compact"})
    request_headers = frozenset({"openai-organization", "openai-project", "openai-beta"})

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the path alone, with or without its version."""
        rest = _VERSION.sub("", path, count=1)
        return openai_operation(method.upper(), [unquote(segment) for segment in rest.split("/") if segment])

    def dialect(self, operation: str, *, is_session: bool) -> Dialect | None:
        """By the operation."""
        if is_session:
            return OPENAI_RESPONSES_SESSION if operation in RESPONSES else OPENAI_REALTIME
        return OPENAI_RESPONSES if operation in RESPONSES else OPENAI_CHAT

    def write(self, prompt: Prompt) -> Written:
        """As a chat completion, which every API of this kind has."""
        return write(prompt)

    def price(self, bill: Bill) -> Cost | None:
        """By the price list: tokens by modality and service tier, and what built-in tools cost beside them."""
        return price(bill, self.named(bill)) if self.is_billed(bill.operation) else None


class OpenAIReader(OpenAICompatibleReader):
    """OpenAI itself."""

    makers: Mapping[str, str] = {"": "openai"}
    colour = ("#0f7b5f", "#3fc79f")
    setup: Mapping[str, Instructions] = CLIENTS


READER: Final = OpenAIReader()
