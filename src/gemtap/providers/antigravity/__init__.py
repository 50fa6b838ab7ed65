"""Antigravity with a Google account: Code Assist's API on a host of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.antigravity.wire import WIRE
from gemtap.providers.provider import Provider

if TYPE_CHECKING:
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.antigravity.reader import READER

    return READER


PROVIDER: Final = Provider(WIRE, _reader)
