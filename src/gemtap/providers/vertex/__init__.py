"""Gemini and other models on Vertex AI: https://cloud.google.com/vertex-ai/docs/reference/rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.provider import Provider
from gemtap.providers.vertex.wire import WIRE

if TYPE_CHECKING:
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.vertex.reader import READER

    return READER


def _demo() -> Demo:
    from gemtap.providers.vertex.demo import DEMO

    return DEMO


PROVIDER: Final = Provider(WIRE, _reader, _demo)
