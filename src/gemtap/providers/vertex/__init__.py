"""Gemini and other models on Vertex AI: https://cloud.google.com/vertex-ai/docs/reference/rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.provider import Provider
from gemtap.providers.vertex.wire import WIRE

if TYPE_CHECKING:
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.vertex.reader import READER

    return READER


PROVIDER: Final = Provider(WIRE, _reader)
