"""Mistral for the desk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gemtap.dialects.base import Dialect
from gemtap.dialects.openai_responses.dialect import RESPONSES
from gemtap.interaction import Cost
from gemtap.json_access import as_dict, count
from gemtap.providers.instructions import Instructions
from gemtap.providers.mistral.client_setup import CLIENTS
from gemtap.providers.mistral.conversations import APPEND, CONVERSATIONS, MISTRAL_CONVERSATIONS, RESTART
from gemtap.providers.mistral.dialect import AGENTS, FILL, MISTRAL_CHAT
from gemtap.providers.openai.reader import OpenAICompatibleReader
from gemtap.providers.prices import also_missing, unpriced
from gemtap.providers.reader import Bill

_OWN: Final = re.compile(r"/+(?:v1/+)?(fim/+completions|agents/+completions|ocr|classifications|conversations)/*")
_HELD: Final = re.compile(r"/+(?:v1/+)?conversations/+[^/]+(/+restart)?/*")
_OCR: Final = "mistral.ocr"


class MistralReader(OpenAICompatibleReader):
    """Reads Mistral's own operations beside OpenAI's."""

    billed = OpenAICompatibleReader.billed | CONVERSATIONS | {FILL, AGENTS, _OCR}
    makers: Mapping[str, str] = {"": "mistral"}
    colour = ("#d9480f", "#ff8f4d")
    setup: Mapping[str, Instructions] = CLIENTS

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """Its own paths first."""
        own = _OWN.fullmatch(path) if method.upper() == "POST" else None
        if own is not None:
            return "mistral." + ".".join(filter(None, own[1].split("/"))), None
        held = _HELD.fullmatch(path) if method.upper() == "POST" else None
        if held is not None:
            return RESTART if held[1] else APPEND, None
        return super().operation(method, path)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect | None:
        """That of chat completions, with Mistral's errors; conversations have one of their own."""
        if operation in CONVERSATIONS:
            return MISTRAL_CONVERSATIONS
        return super().dialect(operation, is_session=is_session) if operation in RESPONSES else MISTRAL_CHAT

    def price(self, bill: Bill) -> Cost | None:
        """By the price list; documents that are read are billed by the page, and connectors by the call."""
        if bill.operation == _OCR:
            pages = count(as_dict(as_dict(bill.response).get("usage_info")).get("pages_processed"))
            return unpriced(f"{pages} pages are priced by the page") if pages else None
        cost = super().price(bill)
        if cost is None or not as_dict(as_dict(bill.usage).get("connectors")):
            return cost
        return also_missing(cost, "calls of connectors are priced by the call")


READER: Final = MistralReader()
