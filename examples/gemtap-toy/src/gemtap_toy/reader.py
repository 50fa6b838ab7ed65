"""The toy API for recorder, dashboard and commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.dialects.base import Dialect
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.dialects.openai_chat.paths import openai_operation
from gemtap.providers.reader import Reader
from gemtap_toy.client_setup import CLIENTS


class ToyReader(Reader):
    """OpenAI's dialect for everything."""

    makers: Mapping[str, str] = {"": "openai"}
    colour = ("#a83279", "#f08cc8")
    setup = CLIENTS

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """`/v1/chat/completions` -> `openai.chat.completions`."""
        return openai_operation(method, path.strip("/").split("/")[1:])

    def dialect(self, operation: str, *, is_session: bool) -> Dialect:
        """The only one."""
        return OPENAI_CHAT


READER: Final = ToyReader()
