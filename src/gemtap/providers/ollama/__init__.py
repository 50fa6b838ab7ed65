"""Ollama: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.ollama.wire import WIRE
from gemtap.providers.provider import Provider

if TYPE_CHECKING:
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.ollama.reader import READER

    return READER


def _demo() -> Demo:
    from gemtap.providers.ollama.demo import DEMO

    return DEMO


PROVIDER: Final = Provider(WIRE, _reader, _demo)
