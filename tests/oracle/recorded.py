"""What is to be recorded of an exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

NOTHING: Final[dict[str, int | None]] = dict.fromkeys(
    ("input", "cached", "cache_write", "output", "reasoning", "tool_use", "total")
)


@dataclass(frozen=True)
class Exchange:
    """One exchange, and what is to be recorded of it."""

    provider: str
    path: str
    request: Any
    response: bytes
    operation: str
    method: str = "POST"
    content_type: str = "application/json"
    model: str | None = None
    served: str | None = None
    finish_reason: str | None = None
    tokens: dict[str, int | None] = field(default_factory=NOTHING.copy)
    usd: float | None = None
    missing: bool = False
    """Whether something is billed beside the cost that is known."""
    follows: int | None = None
    """The number of the exchange whose conversation it continues."""
    is_turn: bool = True
    failed: bool = False
    """Whether an error is in it, such as the one of a request in a batch."""


def words(rng: Random) -> str:
    """A text that comes nowhere else."""
    return " ".join("".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(12))


def counts(tokens: dict[str, int | None]) -> dict[str, int | None]:
    """All counts, of which some are known."""
    return {**NOTHING, **tokens}


def add(tokens: list[dict[str, int | None]]) -> dict[str, int | None]:
    """The counts of several answers together."""
    known = {name: [number for each in tokens if (number := each.get(name)) is not None] for name in NOTHING}
    return {name: sum(numbers) if numbers else None for name, numbers in known.items()}
