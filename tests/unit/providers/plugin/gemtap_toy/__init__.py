"""A provider as a package of its own: an API that speaks OpenAI's dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemtap.providers.provider import Provider

from .wire import ToyWire

if TYPE_CHECKING:
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from .reader import ToyReader

    return ToyReader()


PROVIDER = Provider(ToyWire(), _reader)
