"""The demo face of a provider: a simulated upstream, and traffic for it. `gemtap demo` and tests use it."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from gemtap.simulation.base import Simulation


class Agents(Protocol):
    """Programs that call the API as real clients do."""

    async def work(self, sessions: int) -> None:
        """Run this number of sessions. One that the proxy cuts off ends without an error."""
        ...


class Demo(ABC):
    """What shows an API without an account for it."""

    @abstractmethod
    def simulation(self, pace: float = 0.0) -> Simulation:
        """A new simulation of the API, with nothing in its memory. `pace`: seconds between the chunks of a stream."""

    def agents(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> Agents | None:
        """Agents that use the API through the proxy at `origin`. None where this provider has none.

        `pause` is the mean time between an agent's turns, in seconds. `on_turn` gets a description of each turn.
        """
        return None

    def missing(self) -> str | None:
        """What has to be installed before `agents` works, as a sentence. None where nothing is missing."""
        return None


def missing_extra(used: str, *modules: str) -> str | None:
    """What `Demo.missing` says where one of these modules of the extra `demo` is not installed."""
    # In this order: a module is looked for only if its package is there.
    if all(importlib.util.find_spec(module) is not None for module in modules):
        return None
    return f"The demo's agents use {used}: pip install 'gemtap[demo]', or `make demo`."
