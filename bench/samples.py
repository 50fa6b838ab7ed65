"""What was measured: several samples of each figure, and the median of them."""

from __future__ import annotations

import statistics
from collections import defaultdict


class Samples:
    """The samples by figure and contender."""

    def __init__(self) -> None:
        self._samples: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, figure: str, contender: str, value: float) -> None:
        """Add one sample."""
        self._samples[figure, contender].append(value)

    def median(self, figure: str, contender: str) -> float | None:
        """The median, or None where the figure says nothing of the contender."""
        samples = self._samples.get((figure, contender))
        return statistics.median(samples) if samples else None

    def parts(self, figure: str) -> list[str]:
        """Whom the figure tells of, in the order of their first samples."""
        return [contender for name, contender in self._samples if name == figure]
