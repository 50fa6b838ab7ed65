"""The new pieces of a transaction, and their packs."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from typing import Final

import zstandard

from gemtap.stores.sqlite.packs import FINAL, FRESH, Pack, pack_of

_LARGEST_PACK: Final = 2 * 2**20
"""A new pack ends with the piece that makes it larger than this, in bytes before compression."""

_BLOB_FROM: Final = 16_384
"""Minimum size of pieces that are tested for whether compression makes them smaller."""
_INCOMPRESSIBLE: Final = 0.6


class NewPieces:
    """New pieces of one kind. They get the next numbers."""

    def __init__(self, connection: sqlite3.Connection, kind: str) -> None:
        self._connection = connection
        self._kind = kind
        self._first: int | None = None
        self._pieces: deque[bytes] = deque()

    def add(self, piece: bytes) -> int:
        """Add a piece and return its number."""
        if self._first is None:
            row = self._connection.execute("SELECT value FROM counters WHERE name = ?", (self._kind,)).fetchone()
            self._first = int(row[0])
        self._pieces.append(piece)
        return self._first + len(self._pieces) - 1

    def piece(self, number: int) -> bytes | None:
        """The piece with this number; None if it is not one of these."""
        if self._first is None or not self._first <= number < self._first + len(self._pieces):
            return None
        return self._pieces[number - self._first]

    def packs(self) -> Iterator[tuple[Pack, int]]:
        """Packs of the new pieces, with their tiers."""
        if self._first is None:
            return
        # Reserve the numbers.
        following = self._first + len(self._pieces)
        self._connection.execute("UPDATE counters SET value = ? WHERE name = ?", (following, self._kind))
        first = self._first
        while self._pieces:
            pack = pack_of(first, self._group())
            first += pack.span
            yield pack, FINAL if self._kind == "blob" else FRESH

    def _group(self) -> Iterator[bytes]:
        """The pieces of the next pack, which are removed from the queue."""
        size = 0
        while self._pieces and size <= _LARGEST_PACK:
            piece = self._pieces.popleft()
            size += len(piece)
            yield piece


def kind_of(piece: bytes) -> str:
    """Whether a piece is a `blob`, which compression does not make smaller, or a `piece`."""
    if len(piece) < _BLOB_FROM:
        return "piece"
    sample = piece[:_BLOB_FROM]
    return "blob" if len(zstandard.compress(sample)) > _INCOMPRESSIBLE * len(sample) else "piece"
