"""What can stand between a client and the upstream."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.processes import cpu_seconds


@dataclass
class Contender:
    """One way to the upstream: nothing in between, unless a subclass or a process says otherwise."""

    name: str
    port: int
    processes: dict[str, int] = field(default_factory=dict)
    """The process ids of its parts."""

    def settle(self) -> float | None:
        """Return when all the work is done that requests have left.

        Gives the pieces of it that were done in a second, or None where there was none.
        """
        return None

    def cpu(self) -> dict[str, float]:
        """CPU seconds that each part has used."""
        return {part: cpu_seconds(pid) for part, pid in self.processes.items()}
