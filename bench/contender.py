"""The alternatives between a client and the upstream."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.processes import cpu_seconds


@dataclass
class Contender:
    """One path to the upstream. This base class is the direct connection."""

    name: str
    port: int
    processes: dict[str, int] = field(default_factory=dict)
    """Process ids by the name of the part."""
    prefix: str = ""
    """What its paths have before those of the API, such as `/gemini`."""

    def settle(self) -> float | None:
        """Wait until all work that requests left behind is done.

        Returns the rate of this work per second, or None if there was none.
        """
        return None

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by part."""
        return {part: cpu_seconds(pid) for part, pid in self.processes.items()}
