"""Anthropic's API for the desk: https://platform.claude.com/docs/en/api/overview."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.anthropic_messages.batches import RESULTS
from gemtap.dialects.anthropic_messages.dialect import ANTHROPIC_MESSAGES, COMPLETION
from gemtap.dialects.anthropic_messages.write import write
from gemtap.dialects.base import Dialect
from gemtap.dialects.writing import Prompt, Written
from gemtap.interaction import Cost
from gemtap.providers.anthropic.client_setup import CLIENTS
from gemtap.providers.anthropic.paths import read_path
from gemtap.providers.claude.billing import price
from gemtap.providers.reader import Bill, Reader

BILLED: Final = frozenset({"messages.create", COMPLETION})
"""Operations whose tokens are counted."""


class AnthropicReader(Reader):
    """Reads exchanges with Anthropic's API."""

    billed = BILLED
    batch_results = frozenset({RESULTS})
    resending = frozenset({"messages.count_tokens"})
    colour = ("#b5532f", "#e8936f")
    setup = CLIENTS
    request_headers = frozenset({"anthropic-version", "anthropic-beta"})

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """By the path alone."""
        return read_path(method, path)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        """One for all operations: their errors have the same shape."""
        return ANTHROPIC_MESSAGES

    def write(self, prompt: Prompt) -> Written:
        """As a message."""
        return write(prompt)

    def price(self, bill: Bill) -> Cost | None:
        """By Anthropic's price list."""
        if not self.is_billed(bill.operation):
            return None
        return price(bill, [model for model in bill.models if model is not None])


READER: Final = AnthropicReader()
