"""Mistral: https://docs.mistral.ai/api."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.mistral.wire import WIRE
from gemtap.providers.provider import Provider

if TYPE_CHECKING:
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.mistral.reader import READER

    return READER


PROVIDER: Final = Provider(WIRE, _reader)
