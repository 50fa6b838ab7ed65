"""Packs: pieces with consecutive numbers, compressed as one. Small pieces alone compress badly."""

from __future__ import annotations

import os
import sqlite3
import threading
from array import array
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final, NamedTuple

import zstandard

from gemtap.stores.base import StoreError

FRESH: Final = 0
"""The tier of packs as they are written."""

FINAL: Final = 9
"""The tier of packs that are never merged."""

FIRST_BLOB: Final = 1 << 40
"""Pieces that no compression makes smaller are numbered from here."""

_CACHED_BYTES: Final = 96 * 2**20
"""Five large packs: what agents repeat in every turn is in other packs than what is new."""

DEDUP_WINDOW: Final = 48 * 2**20
"""Bytes, before compression, of the packs that were written last: what is in earlier ones is kept again rather than
referred to. So a body is read from a few packs that are next to each other, however many years there are.
"""

_UNPACKED_AT_ONCE: Final = min(4, os.cpu_count() or 1)
_UNPACKED_ASIDE: Final = 2**20
"""Bytes of a pack, at least, that another thread unpacks when a body needs several."""


class PieceMissing(StoreError):
    """A piece that something refers to is not there, or cannot be read."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. `gemtap check` tells what else is damaged")
        self.what = what


class PackHead(NamedTuple):
    """A pack without its pieces."""

    first: int
    span: int
    """Numbers that it covers; of some the piece may be gone."""
    size: int
    """Bytes before compression."""
    tier: int


@dataclass(frozen=True, slots=True)
class Pack:
    """The pieces of one pack."""

    first: int
    offsets: array[int]
    """Of each piece in `data`, 32 bits each, and at last the end of all."""
    data: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes up in memory."""
        return len(self.data) + len(self.offsets) * self.offsets.itemsize

    @property
    def span(self) -> int:
        """Numbers that it covers; of some the piece may be gone."""
        return len(self.offsets) - 1

    def piece(self, number: int) -> bytes:
        """One piece; empty where it is gone."""
        at = number - self.first
        return self.data[self.offsets[at] : self.offsets[at + 1]]

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Every piece that is there, with its number."""
        for at in range(self.span):
            if self.offsets[at] != self.offsets[at + 1]:
                yield self.first + at, self.data[self.offsets[at] : self.offsets[at + 1]]


def pack_of(first: int, pieces: Iterable[bytes]) -> Pack:
    """A pack of pieces with consecutive numbers from `first` on."""
    kept = list(pieces)
    return Pack(first, _offsets(map(len, kept)), b"".join(kept))


def _offsets(lengths: Iterable[int]) -> array[int]:
    return array("I", accumulate(lengths, initial=0))


def insert_pack(connection: sqlite3.Connection, pack: Pack, compressed: bytes, tier: int) -> None:
    """Write a pack that is not there yet."""
    lengths = array("I", (end - start for start, end in zip(pack.offsets, pack.offsets[1:], strict=False)))
    connection.execute(
        "INSERT INTO packs (first, span, size, tier, lengths, zstd) VALUES (?, ?, ?, ?, ?, ?)",
        (pack.first, pack.span, len(pack.data), tier, zstandard.compress(lengths.tobytes()), compressed),
    )


def read_pack(connection: sqlite3.Connection, number: int) -> Pack:
    """The pack that has this number. Raises PieceMissing."""
    return _read_packed(connection, number).unpacked()


class _Packed(NamedTuple):
    """A pack as it is stored."""

    first: int
    span: int
    size: int
    lengths: bytes
    zstd: bytes

    def unpacked(self) -> Pack:
        """Raises PieceMissing."""
        try:
            lengths = array("I", zstandard.decompress(self.lengths))
            data = zstandard.decompress(self.zstd, max_output_size=self.size)
        except (zstandard.ZstdError, ValueError) as exc:
            raise PieceMissing(f"the pack from piece {self.first} on is damaged: {exc}") from exc
        if len(lengths) != self.span or sum(lengths) != len(data):
            raise PieceMissing(f"the pack from piece {self.first} on is damaged: its lengths do not fit")
        return Pack(self.first, _offsets(lengths), data)


def _read_packed(connection: sqlite3.Connection, number: int) -> _Packed:
    row = connection.execute(
        "SELECT first, span, size, lengths, zstd FROM packs WHERE first <= ? ORDER BY first DESC LIMIT 1", (number,)
    ).fetchone()
    if row is None or number >= row[0] + row[1]:
        raise PieceMissing(f"piece {number} is gone")
    return _Packed(*row)


@cache
def _unpackers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_UNPACKED_AT_ONCE, thread_name_prefix="sqlite-unpack")


def heads(connection: sqlite3.Connection, after: int = -1) -> list[PackHead]:
    """The packs in the order of their numbers."""
    rows = connection.execute("SELECT first, span, size, tier FROM packs WHERE first > ? ORDER BY first", (after,))
    return [PackHead(*row) for row in rows]


def dedup_window_start(connection: sqlite3.Connection) -> int:
    """The first number that new bodies may refer to. Blobs, which have packs of their own, they always may."""
    size = 0
    for first, pack_size in connection.execute(
        "SELECT first, size FROM packs WHERE first < ? ORDER BY first DESC", (FIRST_BLOB,)
    ):
        size += pack_size
        if size > DEDUP_WINDOW:
            return int(first)
    return 0


class PackReader:
    """Reads pieces, and remembers the packs that were read last. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: OrderedDict[int, Pack] = OrderedDict()
        self._firsts: list[int] = []
        self._bytes = 0

    def read(self, connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, bytes]:
        """The pieces with these numbers. Raises PieceMissing."""
        found: dict[int, bytes] = {}
        wanted = sorted(set(numbers))
        at = 0
        coming: deque[tuple[Callable[[], Pack], list[int]]] = deque()
        while at < len(wanted) or coming:
            # Large packs are unpacked side by side; of dozens no more are in memory than processors work on.
            while at < len(wanted) and len(coming) < _UNPACKED_AT_ONCE:
                unpacked, end = self._begin(connection, wanted[at], wanted[-1])
                following = bisect_left(wanted, end, at)
                coming.append((unpacked, wanted[at:following]))
                at = following
            unpacked, here = coming.popleft()
            pack = unpacked()
            for number in here:
                piece = pack.piece(number)
                if not piece:
                    raise PieceMissing(f"piece {number} is gone")
                found[number] = piece
        return found

    def _begin(self, connection: sqlite3.Connection, number: int, last: int) -> tuple[Callable[[], Pack], int]:
        """What gives the pack of a number, and where that ends; `last` is the last number that is wanted."""
        remembered = self._remembered(number)
        if remembered is not None:
            return lambda: remembered, remembered.first + remembered.span
        packed = _read_packed(connection, number)
        end = packed.first + packed.span
        unpacking = None
        if packed.size > _UNPACKED_ASIDE and last >= end:
            unpacking = _unpackers().submit(packed.unpacked)

        def unpacked() -> Pack:
            pack = packed.unpacked() if unpacking is None else unpacking.result()
            self.remember(pack)
            return pack

        return unpacked, end

    def remember(self, pack: Pack) -> None:
        """Keep a pack at hand. Nothing has to be forgotten when the database changes: a number has one meaning."""
        end = pack.first + pack.span
        with self._lock:
            before = bisect_left(self._firsts, pack.first) - 1
            if before >= 0:
                known = self._packs[self._firsts[before]]
                if known.first + known.span >= end:
                    return  # it was merged into that one since it was read
            # None may stand within another: what comes after it in the other would not be found.
            for first in self._firsts[before + 1 : bisect_left(self._firsts, end)]:
                self._forget(first)
            insort(self._firsts, pack.first)
            self._packs[pack.first] = pack
            self._bytes += pack.size
            while self._bytes > _CACHED_BYTES and len(self._packs) > 1:
                self._forget(next(iter(self._packs)))

    def _forget(self, first: int) -> None:
        self._bytes -= self._packs.pop(first).size
        self._firsts.remove(first)

    def _remembered(self, number: int) -> Pack | None:
        with self._lock:
            at = bisect_right(self._firsts, number) - 1
            if at < 0:
                return None
            pack = self._packs[self._firsts[at]]
            # A pack that was merged since may have had the piece, and one from before a deletion has it still.
            if number >= pack.first + pack.span or not pack.piece(number):
                return None
            self._packs.move_to_end(pack.first)
            return pack
