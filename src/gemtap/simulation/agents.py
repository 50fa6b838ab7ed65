"""What the demo's agents have in common: programs that use an API as coding agents do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random


class DemoAgents:
    """Runs sessions, until cancelled or done. A subclass has `work`."""

    def __init__(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> None:
        """`pause` is the mean time between an agent's turns, in seconds. `on_turn` gets a description of each turn."""
        self._origin = origin
        self._rng = Random(seed)  # noqa: S311 - a choice of sentences, not a secret
        self._pause = pause
        self._on_turn = on_turn

    async def _rest(self, rng: Random | None = None) -> None:
        """Wait until the next turn, by the random numbers of a session of its own if it has any."""
        await asyncio.sleep((rng or self._rng).expovariate(1 / self._pause))
