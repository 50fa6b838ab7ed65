"""Captures that wait for the desk."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.gemtap import Gemtap
from bench.wrk import run_wrk

_CONNECTIONS: Final = 32


@dataclass(frozen=True)
class Sent:
    """The requests that the captures are of."""

    answered: int
    cut_off: int
    """How many more may have been under way when wrk ended."""


@contextmanager
def backlog(gemtap: Gemtap, body: Path, captures: int) -> Iterator[Sent]:
    """Stop the desk until so many captures wait, and then let it record them. Raises RuntimeError if requests fail."""
    desk = gemtap.processes["desk"]
    os.kill(desk, signal.SIGSTOP)
    try:
        answered = cut_off = 0
        while answered < captures:
            answered += run_wrk(gemtap.port, body, connections=_CONNECTIONS, seconds=2).requests
            cut_off += _CONNECTIONS
    finally:
        os.kill(desk, signal.SIGCONT)
    yield Sent(answered, cut_off)
    if not gemtap.backlog():
        print("the backlog ended before the measurement", file=sys.stderr)
