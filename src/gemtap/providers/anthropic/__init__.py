"""Anthropic's API: https://platform.claude.com/docs/en/api."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemtap.providers.anthropic.wire import WIRE
from gemtap.providers.provider import Provider

if TYPE_CHECKING:
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader


def _reader() -> Reader:
    from gemtap.providers.anthropic.reader import READER

    return READER


def _demo() -> Demo:
    from gemtap.providers.anthropic.demo import DEMO

    return DEMO


PROVIDER: Final = Provider(WIRE, _reader, _demo)
