"""Ports for servers of tests."""

from __future__ import annotations

import os
import socket
from random import SystemRandom
from typing import Final

# Below the range from which Linux takes the ports of connections: one of those can be taken between a look whether it
# is free and the start of a server.
_FIRST: Final = 10_000
_SLOTS: Final = 40
_PORTS_OF_A_SLOT: Final = 500

# The seed of the others is the same in processes that are forked.
_random: Final = SystemRandom()
_given: Final[set[int]] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, another one at each call.

    Processes that run at the same time take theirs from different parts of the range, mostly: two could choose the same
    one before a server of either is there.
    """
    first = _FIRST + os.getpid() % _SLOTS * _PORTS_OF_A_SLOT
    left = [port for port in range(first, first + _PORTS_OF_A_SLOT) if port not in _given]
    while left:
        port = left.pop(_random.randrange(len(left)))
        _given.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    _given.clear()
    return free_port()
