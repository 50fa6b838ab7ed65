"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from itertools import cycle

# Below the range from which Linux takes the ports of connections: one of these can be taken between a look whether a
# port is free and the start of a server.
_RANGE = range(10_000, 30_000)
_start = random.randrange(len(_RANGE))
_ports: Iterator[int] = cycle([*_RANGE[_start:], *_RANGE[:_start]])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, another one at each call."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the cycle of ports has no end")
