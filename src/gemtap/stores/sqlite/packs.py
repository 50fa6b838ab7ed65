"""Packs: pieces with consecutive numbers, compressed together. Small pieces alone compress badly.

A pack is never changed in place. Whatever takes its place (a larger pack that it was merged into, or the same pack
without freed pieces) has another `edition`, a random number. So a pack is known by its edition, also in another file: a
backup that is restored while Gemtap runs may have other packs under the same numbers.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import zstandard

from gemtap.stores.base import StoreError

FRESH: Final = 0
"""The tier of new packs."""

FINAL: Final = 9
"""The tier of packs that are never merged."""

FIRST_BLOB: Final = 1 << 40
"""The first number of pieces that compression does not make smaller."""

DEDUP_WINDOW: Final = 48 * 2**20
"""Bytes, before compression, of the latest packs that new bodies may refer to. A piece that is only in an earlier pack
is stored again, so that a body is read from a few neighbouring packs, however many years the store holds.
"""

_PACKED: Final = "SELECT first, span, size, lengths, zstd FROM packs WHERE first = ? AND edition = ?"


class PieceMissing(StoreError):
    """A piece that something refers to is missing or unreadable."""

    def __init__(self, what: str, *, is_damage: bool = False) -> None:
        """`is_damage`: it is there and cannot be read."""
        super().__init__(f"{what}. `gemtap check` lists all damage")
        self.what = what
        self.is_damage = is_damage


class WriteVerificationFailed(StoreError):
    """What was to be written is not what it is made of: the memory or a library of this machine is faulty."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Nothing was changed. Check the memory of this machine.")


class PackHead(NamedTuple):
    """A pack without its pieces."""

    first: int
    span: int
    """How many numbers it covers. Some of their pieces may have been freed."""
    size: int
    """Bytes before compression."""
    tier: int
    edition: int


class PackKey(NamedTuple):
    """What a pack is known by: as long as it is there, each of its numbers has the same piece."""

    first: int
    edition: int


@dataclass(frozen=True, slots=True)
class Pack:
    """The pieces of one pack."""

    first: int
    offsets: array[int]
    """The start of each piece in `data`, and the end of the last one; 32 bits each."""
    data: bytes

    @property
    def size(self) -> int:
        """Its size in memory, in bytes."""
        return len(self.data) + len(self.offsets) * self.offsets.itemsize

    @property
    def span(self) -> int:
        """How many numbers it covers. Some of their pieces may have been freed."""
        return len(self.offsets) - 1

    @property
    def numbers(self) -> range:
        """The numbers that it covers."""
        return range(self.first, self.first + self.span)

    def piece(self, number: int) -> bytes:
        """One piece. Empty if it was freed."""
        at = number - self.first
        return self.data[self.offsets[at] : self.offsets[at + 1]]

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Every piece that was not freed, with its number."""
        for number in self.numbers:
            if piece := self.piece(number):
                yield number, piece


def pack_of(first: int, pieces: Iterable[bytes]) -> Pack:
    """A pack of pieces with consecutive numbers from `first` on."""
    kept = list(pieces)
    return Pack(first, _offsets(map(len, kept)), b"".join(kept))


def _offsets(lengths: Iterable[int]) -> array[int]:
    return array("I", accumulate(lengths, initial=0))


def insert_pack(connection: sqlite3.Connection, pack: Pack, tier: int, compressed: bytes | None = None) -> int:
    """Write a new pack and return its edition. Nothing is written unless it decompresses to its pieces.

    `compressed` is a zstd frame of the pack's data, made outside of the transaction; None compresses it here, quickly.
    Raises WriteVerificationFailed.
    """
    if compressed is None:
        compressed = compress(pack.data)
    lengths = compress(array("I", (end - start for start, end in pairwise(pack.offsets))).tobytes())
    packed = Packed(pack.first, pack.span, len(pack.data), lengths, compressed)
    try:
        is_same = packed.unpacked() == pack
    except PieceMissing:
        is_same = False
    if not is_same:
        raise WriteVerificationFailed(f"The pack from piece {pack.first} on does not decompress to its pieces.")
    edition = secrets.randbits(63)
    connection.execute(
        "INSERT INTO packs (first, span, size, tier, edition, lengths, zstd) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (packed.first, packed.span, packed.size, tier, edition, packed.lengths, packed.zstd),
    )
    return edition


class _ThreadCompressor(threading.local):
    """A compressor for each thread. Making one takes several times as long as compressing a kilobyte."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdCompressor(write_checksum=True)


_compressor: Final = _ThreadCompressor()


def compress(data: bytes) -> bytes:
    """A zstd frame with a checksum, at the default level."""
    return _compressor.zstd.compress(data)


def read_pack(connection: sqlite3.Connection, number: int) -> Pack:
    """The pack that covers this number, read from the database. Raises PieceMissing."""
    head = head_of(connection, number)
    return packed_of(connection, head.first, head.edition).unpacked()


def read_head(connection: sqlite3.Connection, head: PackHead) -> Pack | None:
    """A pack, read from the database. None if it was replaced meanwhile. Raises PieceMissing if it is damaged."""
    row = connection.execute(_PACKED, (head.first, head.edition)).fetchone()
    return None if row is None else Packed(*row).unpacked()


class Packed(NamedTuple):
    """A pack as it is stored."""

    first: int
    span: int
    size: int
    lengths: bytes
    zstd: bytes

    def unpacked(self) -> Pack:
        """Raises PieceMissing."""
        try:
            lengths = array("I", zstandard.decompress(self.lengths, max_output_size=4 * self.span))
            data = zstandard.decompress(self.zstd, max_output_size=self.size)
        except (zstandard.ZstdError, ValueError, MemoryError) as exc:
            raise PieceMissing(f"the pack from piece {self.first} on is damaged: {exc}", is_damage=True) from exc
        if len(lengths) != self.span or not sum(lengths) == len(data) == self.size:
            raise PieceMissing(
                f"the pack from piece {self.first} on is damaged: its lengths do not fit", is_damage=True
            )
        return Pack(self.first, _offsets(lengths), data)


def head_of(connection: sqlite3.Connection, number: int) -> PackHead:
    """The pack that covers this number, without its pieces. Raises PieceMissing."""
    row = connection.execute(
        "SELECT first, span, size, tier, edition FROM packs WHERE first <= ? ORDER BY first DESC LIMIT 1", (number,)
    ).fetchone()
    if row is None or number >= row[0] + row[1]:
        raise PieceMissing(f"piece {number} is gone")
    return PackHead(*row)


def packed_of(connection: sqlite3.Connection, first: int, edition: int) -> Packed:
    """This pack as it is stored. Raises PieceMissing."""
    row = connection.execute(_PACKED, (first, edition)).fetchone()
    if row is None:
        raise PieceMissing(f"the pack from piece {first} on is gone")
    return Packed(*row)


def heads(connection: sqlite3.Connection, after: int = -1) -> list[PackHead]:
    """The packs after a number, in order."""
    rows = connection.execute(
        "SELECT first, span, size, tier, edition FROM packs WHERE first > ? ORDER BY first", (after,)
    )
    return [PackHead(*row) for row in rows]


def dedup_window_start(connection: sqlite3.Connection) -> int:
    """The first number that new bodies may refer to, apart from blobs, which have packs of their own."""
    size = 0
    for first, pack_size in connection.execute(
        "SELECT first, size FROM packs WHERE first < ? ORDER BY first DESC", (FIRST_BLOB,)
    ):
        size += pack_size
        if size > DEDUP_WINDOW:
            return int(first)
    return 0
