"""A provider: its wire face, and its other faces, which are imported when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gemtap.providers.wire import Wire

if TYPE_CHECKING:
    from gemtap.dialects.base import Parsed, RawExchange
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader


@dataclass(frozen=True)
class Provider:
    """All that Gemtap knows of one API."""

    wire: Wire
    load_reader: Callable[[], Reader]
    """Imports and returns the reader face. The tap never calls it."""
    load_demo: Callable[[], Demo] | None = None
    """Imports and returns the demo face; None where there is none."""
    contract: Literal[1] = 1
    """Version of this interface that the provider is written for."""

    @property
    def name(self) -> str:
        """As settings and documents have it."""
        return self.wire.name

    @cached_property
    def reader(self) -> Reader:
        """The reader face."""
        return self.load_reader()

    @cached_property
    def demo(self) -> Demo | None:
        """The demo face."""
        return self.load_demo() if self.load_demo is not None else None

    def parse(self, exchange: RawExchange) -> Parsed:
        """Read one exchange."""
        return self.reader.read(exchange)
