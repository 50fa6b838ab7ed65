"""Azure OpenAI for the desk: OpenAI's operations, on deployments that a path or a body names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote, unquote

from gemtap.dialects.writing import Prompt, Written
from gemtap.providers.azure.client_setup import CLIENTS
from gemtap.providers.instructions import Instructions
from gemtap.providers.openai.reader import OpenAICompatibleReader
from gemtap.providers.reader import Bill

_BEFORE: Final = re.compile(
    r"/+openai(?:/+deployments/+([^/]+))?(?=/|$)|/+models(?=/+(?:chat|embeddings|images)(?:/|$))"
)
_DEPLOYMENT: Final = re.compile(r"(?<=/openai/deployments/)[^/?]+")


class AzureReader(OpenAICompatibleReader):
    """Reads exchanges with Azure OpenAI. The model asked for is a deployment; the answer says which model served it."""

    colour = ("#0067b8", "#5eb0ef")
    setup: Mapping[str, Instructions] = CLIENTS

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """`/openai/deployments/D/chat/completions`, `/openai/v1/...`, `/openai/...`, `/models/...` of Foundry."""
        before = _BEFORE.match(path)
        if before is None:
            return super().operation(method, path)
        deployment = unquote(before[1]) if before[1] is not None else None
        operation, model = super().operation(method, path[before.end() :])
        return operation, model or deployment

    def write(self, prompt: Prompt) -> Written:
        """As a chat completion of the API that has no version in its queries."""
        written = super().write(prompt)
        return replace(written, path=f"/openai{written.path}")

    def with_model(self, path: str, model: str) -> str | None:
        """Another deployment."""
        found = _DEPLOYMENT.search(path)
        return path[: found.start()] + quote(model, safe="-._~") + path[found.end() :] if found is not None else None

    def named(self, bill: Bill) -> list[tuple[str, str]]:
        """By Azure's price list, and where that lacks a model by OpenAI's: the prices of standard deployments agree."""
        models = [model for model in bill.models if model is not None]
        return [(maker, model) for model in models for maker in ("azure", "openai")]


READER: Final = AzureReader()
