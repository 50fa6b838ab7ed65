"""Captures that are recorded together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

BATCH_CAPTURES: Final = 200
BATCH_BYTES: Final = 32 * 2**20
"""A batch is one commit. It ends with the capture that brings it past either."""


def batches(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """The captures in order, in batches. A file that is gone is left out."""
    batch: list[Path] = []
    size = 0
    for path in paths:
        batch.append(path)
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            batch.pop()
        if len(batch) >= BATCH_CAPTURES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
