"""What the recorder needs of a provider."""

from __future__ import annotations

from typing import Protocol

from gemtap.dialects.base import Parsed, RawExchange


class ExchangeParser(Protocol):
    """Reads exchanges with one API. A bug in here costs fields of an interaction, never the interaction."""

    @property
    def name(self) -> str:
        """The provider's."""
        ...

    def parse(self, exchange: RawExchange) -> Parsed:
        """Read one exchange. Whatever the bytes are, read what can be read."""
        ...
