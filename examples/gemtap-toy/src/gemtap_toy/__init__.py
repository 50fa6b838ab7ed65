"""A provider as a package of its own: an API that speaks OpenAI's dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.provider import Provider
from gemtap_toy.wire import WIRE

if TYPE_CHECKING:
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap_toy.reader import READER

    return READER


def _demo() -> Demo:
    from gemtap_toy.demo import DEMO

    return DEMO


PROVIDER: Final = Provider(WIRE, _reader, _demo)
