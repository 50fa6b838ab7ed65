"""Mistral: https://docs.mistral.ai/api."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.mistral.wire import WIRE
from gemtap.providers.provider import Provider

if TYPE_CHECKING:
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.mistral.reader import READER

    return READER


def _demo() -> Demo:
    from gemtap.providers.mistral.demo import DEMO

    return DEMO


PROVIDER: Final = Provider(WIRE, _reader, _demo)
