"""What a provider gives."""

from __future__ import annotations

from typing import Protocol

from gemtap.dialects.base import Parsed, RawExchange


class Provider(Protocol):
    """One API. A bug in here costs the parsed fields of an interaction, never the interaction."""

    name: str

    def parse(self, exchange: RawExchange) -> Parsed:
        """Read one exchange. Whatever the bytes are, parse what can be parsed."""
        ...
