"""OpenAI's API in the demo: its simulated paths, and agents that use chat completions and responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gemtap.providers.demo import Agents, Demo, missing_extra
from gemtap.providers.openai.simulated.api import OpenAISimulation
from gemtap.simulation.base import Simulation


class OpenAIDemo(Demo):
    """OpenAI's API without an account."""

    def simulation(self, pace: float = 0.0) -> Simulation:
        """The operations that clients call most."""
        return OpenAISimulation(pace)

    def agents(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> Agents:
        """Coding agents."""
        from gemtap.providers.openai.agents import OpenAIAgents

        return OpenAIAgents(origin, seed=seed, pause=pause, on_turn=on_turn)

    def missing(self) -> str | None:
        """The agents use aiohttp, which is an extra."""
        return missing_extra("aiohttp", "aiohttp")


DEMO: Final = OpenAIDemo()
