"""What clients and the upstream saw of each exchange, told apart by a number in a header."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = "x-storm"
"""Carries the exchange's number. It is forwarded, and so it is recorded with the other headers."""


@dataclass
class Exchange:
    """One exchange as its two ends saw it."""

    number: int
    kind: str
    sent: bytes = b""
    """The whole body of the request, whether or not all of it was taken."""
    reached_upstream: bool = False
    upstream_took: int = 0
    """Bytes of the request's body that the upstream has read."""
    id: str | None = None
    """What the client read in `x-gemtap-id`."""
    received: bytes = b""
    """What has arrived of the answer's body at the client."""
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """When (`time.monotonic`) how many bytes of it had arrived."""
    whole: bool = False
    """The client got the answer to its end."""

    def receive(self, piece: bytes) -> None:
        """A piece of the answer's body has arrived at the client."""
        self.received += piece
        self.arrivals.append((time.monotonic(), len(self.received)))


@dataclass
class Ledger:
    """Every exchange that was begun."""

    exchanges: list[Exchange] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    def begin(self, kind: str) -> Exchange:
        exchange = Exchange(len(self.exchanges), kind)
        self.exchanges.append(exchange)
        return exchange
