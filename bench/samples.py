"""Samples of the measured figures, and their medians."""

from __future__ import annotations

import statistics
from collections import defaultdict


class Samples:
    """Samples by figure and contender."""

    def __init__(self) -> None:
        self._samples: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, figure: str, contender: str, value: float) -> None:
        """Add a sample."""
        self._samples[figure, contender].append(value)

    def median(self, figure: str, contender: str) -> float | None:
        """The median, or None if the figure has no samples of the contender."""
        samples = self._samples.get((figure, contender))
        return statistics.median(samples) if samples else None

    def parts(self, figure: str) -> list[str]:
        """Contenders of the figure, in the order of their first samples."""
        return [contender for name, contender in self._samples if name == figure]
