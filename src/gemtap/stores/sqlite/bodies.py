"""Where the bytes of bodies are kept: each distinct piece once, and a body as the list of its pieces.

Agents send the whole conversation anew with every turn. A body is cut at the seams of its dialect
(`gemtap.dialects.cut_points`); pieces that are there already are referred to, new ones get the next numbers. The list
is itself a piece: MessagePack of a hash of the whole body, then bytes as they are and numbers of pieces, in order.
Lists of consecutive turns differ in their ends alone. Long ones are cut in their turn, into groups of items, each a
piece that is kept once like any other: where a group ends depends on nothing but its last item, so that a list whose
beginning or middle changes has the same groups from soon after the change on.

Nothing rests on hashes being unique: before a body is referred to, every piece that was found is compared with what
it is to stand for, byte by byte. What nobody refers to any more is found by marking, see `gc`.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Final, NamedTuple

import msgpack
import zstandard

from gemtap.dialects.cut_points import SMALLEST, seams
from gemtap.stores.sqlite.packs import (
    FINAL,
    FIRST_BLOB,
    FRESH,
    Pack,
    PackReader,
    PieceMissing,
    dedup_window_start,
    insert_pack,
    pack_of,
)

_LARGEST_PIECE: Final = 4 * 2**20
_LARGEST_PACK: Final = 2 * 2**20
"""A fresh pack ends with the piece that brings it over this; bytes before compression."""

_REMEMBERED_PACKS: Final = 10
"""Packs just written that are kept at hand."""

_KEPT_IN_LIST: Final = 16_384
"""A body without seams up to this size stands in its list: that it comes again to the letter is not expected."""

_BLOB_FROM: Final = 16_384
"""Pieces from this size on are tried for whether they can be compressed at all."""
_INCOMPRESSIBLE: Final = 0.6

_DIGEST_BYTES: Final = 8

_GROUP_ENDS: Final = 8
"""One number in so many ends a group, if the group is not too short to be referred to."""


class BodyList(NamedTuple):
    """What a body is put together from."""

    digest: bytes
    """Of the whole body."""
    items: list[bytes | int]
    """Bytes as they are, and numbers of pieces, in order."""
    groups: list[int]
    """Numbers of the pieces in which items of the list are kept."""

    def numbers(self) -> Iterator[int]:
        """Of every piece that it needs."""
        yield from self.groups
        yield from (item for item in self.items if isinstance(item, int))


class BodyStore:
    """Bytes by reference. A reference is the number of a list; negative ones are of bodies stored before version 6."""

    def __init__(self) -> None:
        self.packs = PackReader()

    def writing(self, connection: sqlite3.Connection) -> BodyWriter:
        """What stores bodies, for one transaction of the caller's."""
        return BodyWriter(self, connection)

    def get(self, connection: sqlite3.Connection, reference: int) -> bytes:
        """The bytes that were stored, checked by their hash. Raises PieceMissing where they are not there any more."""
        if reference < 0:
            return _whole(connection, -reference)
        digest, items, _ = self.list_of(connection, reference)
        pieces = self.packs.read(connection, (item for item in items if isinstance(item, int)))
        raw = b"".join(pieces[item] if isinstance(item, int) else item for item in items)
        if digest_of(raw) != digest:
            raise PieceMissing(f"body {reference} is damaged: its hash does not fit")
        return raw

    def list_of(self, connection: sqlite3.Connection, reference: int) -> BodyList:
        """A body's list. Raises PieceMissing."""
        packed = self.packs.read(connection, [reference])[reference]
        try:
            digest, *found = msgpack.unpackb(packed)
            groups = [item[0] for item in found if isinstance(item, list)]
            packed_groups = self.packs.read(connection, groups)
            items: list[bytes | int] = []
            for item in found:
                if isinstance(item, list):
                    items += msgpack.unpackb(packed_groups[item[0]])
                else:
                    items.append(item)
        except (TypeError, ValueError, msgpack.UnpackException) as exc:
            raise PieceMissing(f"the list of body {reference} is damaged: {exc}") from exc
        return BodyList(digest, items, groups)

    def delete(self, connection: sqlite3.Connection, reference: int) -> None:
        """Let go of a body. Its pieces may be others' too: what is nobody's is freed by `gc.sweep`."""
        if reference < 0:
            connection.execute("DELETE FROM bodies WHERE number = ?", (-reference,))
        else:
            _add(connection, bodies=-1, deleted=1)


class BodyWriter:
    """Stores bodies. What it has stored is there once `finish` was called, in the same transaction."""

    def __init__(self, store: BodyStore, connection: sqlite3.Connection) -> None:
        self._store = store
        self._connection = connection
        self._keys: dict[int, int] = {}
        """Numbers of pieces by their keys, of those that are new."""
        self._new = {kind: _New(connection, kind) for kind in ("piece", "blob")}
        self._written: list[Pack] = []
        self._bodies = 0

    def put(self, raw: bytes) -> int:
        """Keep the bytes and return the reference that gives them back."""
        cuts = seams(raw)
        is_short = not cuts and len(raw) <= _KEPT_IN_LIST
        items: list[bytes | int] = []
        together = blake2b(digest_size=_DIGEST_BYTES)
        for piece in _slices(raw, cuts):
            together.update(piece)
            items.append(piece if is_short or len(piece) < SMALLEST else self._referred(piece))
        digest = digest_of(raw)
        if together.digest() != digest:
            raise AssertionError("the pieces of a body are not the body")
        self._bodies += 1
        return self._new["piece"].add(msgpack.packb([digest, *self._grouped(items)]))

    def number(self) -> int:
        """A number for an interaction: larger than any that there was."""
        return self._new["piece"].add(b"")

    def finish(self) -> None:
        """Write what is new."""
        for new in self._new.values():
            for pack, compressed, tier in new.packs():
                insert_pack(self._connection, pack, compressed, tier)
                self._written.append(pack)
                # Of a body of hundreds of megabytes not all has to be in memory twice.
                del self._written[:-_REMEMBERED_PACKS]
        if self._bodies:
            _add(self._connection, bodies=self._bodies)

    def committed(self) -> None:
        """Remember what was written. Not before it is: numbers of a transaction that fails are given again."""
        for pack in self._written:
            self._store.packs.remember(pack)

    def _grouped(self, items: Iterable[bytes | int]) -> Iterator[bytes | int | list[int]]:
        """The items, those that come again together as the number of their group, in a list of its own."""
        group: list[bytes | int] = []
        size = 0
        for item in items:
            group.append(item)
            size += 5 if isinstance(item, int) else len(item)
            if size >= SMALLEST and isinstance(item, int) and _ends_group(item):
                number = self._referred(msgpack.packb(group))
                if isinstance(number, int):
                    yield [number]
                else:
                    yield from group
                group, size = [], 0
        yield from group

    def _referred(self, piece: bytes) -> int | bytes:
        """The number of a piece, which is kept if it is new; or the piece itself, where it cannot have one."""
        key = key_of(piece)
        known = self._keys.get(key)
        if known is None:
            row = self._connection.execute("SELECT number FROM pieces WHERE key = ?", (key,)).fetchone()
            known = None if row is None else row[0]
        if known is not None and known >= self._nearest:
            # Another piece may have the same key, though nobody will live to see it.
            return known if self._content(known) == piece else piece
        number = self._new[_kind(piece)].add(piece)
        self._connection.execute("INSERT OR REPLACE INTO pieces (key, number) VALUES (?, ?)", (key, number))
        self._keys[key] = number
        return number

    @cached_property
    def _nearest(self) -> int:
        return dedup_window_start(self._connection)

    def _content(self, number: int) -> bytes | None:
        new = self._new["piece" if number < FIRST_BLOB else "blob"].piece(number)
        if new is not None:
            return new
        try:
            return self._store.packs.read(self._connection, [number])[number]
        except PieceMissing:
            return None


class _New:
    """New pieces of one kind, which have the next numbers."""

    def __init__(self, connection: sqlite3.Connection, kind: str) -> None:
        self._connection = connection
        self._kind = kind
        self._first: int | None = None
        self._pieces: deque[bytes] = deque()

    def add(self, piece: bytes) -> int:
        """Its number."""
        if self._first is None:
            row = self._connection.execute("SELECT value FROM counters WHERE name = ?", (self._kind,)).fetchone()
            self._first = int(row[0])
        self._pieces.append(piece)
        return self._first + len(self._pieces) - 1

    def piece(self, number: int) -> bytes | None:
        if self._first is None or not self._first <= number < self._first + len(self._pieces):
            return None
        return self._pieces[number - self._first]

    def packs(self) -> Iterator[tuple[Pack, bytes, int]]:
        """Packs of them, compressed, with their tiers."""
        if self._first is None:
            return
        # Let the numbers be given to nobody else.
        following = self._first + len(self._pieces)
        self._connection.execute("UPDATE counters SET value = ? WHERE name = ?", (following, self._kind))
        first = self._first
        while self._pieces:
            pack = pack_of(first, self._group())
            first += pack.span
            compressed = zstandard.compress(pack.data)
            if zstandard.decompress(compressed, max_output_size=len(pack.data)) != pack.data:
                raise AssertionError("zstd does not give back what it was given")
            yield pack, compressed, FINAL if self._kind == "blob" else FRESH

    def _group(self) -> Iterator[bytes]:
        """The pieces of the next pack, which are let go of."""
        size = 0
        while self._pieces and size <= _LARGEST_PACK:
            piece = self._pieces.popleft()
            size += len(piece)
            yield piece


def counters(connection: sqlite3.Connection) -> dict[str, int]:
    """The counters: see migration 0006."""
    return dict(connection.execute("SELECT name, value FROM counters").fetchall())


def _add(connection: sqlite3.Connection, **by: int) -> None:
    connection.executemany(
        "UPDATE counters SET value = value + ? WHERE name = ?", [(count, name) for name, count in by.items()]
    )


def digest_of(raw: bytes) -> bytes:
    """The hash that a list has of its body."""
    return blake2b(raw, digest_size=_DIGEST_BYTES).digest()


def key_of(piece: bytes) -> int:
    """What a piece is found by."""
    return int.from_bytes(blake2b(piece, digest_size=8).digest(), "big", signed=True)


def _ends_group(number: int) -> bool:
    # Scattered, for the numbers of a conversation follow one another at steady distances (Knuth's multiplier).
    return (number * 2_654_435_761 >> 16) % _GROUP_ENDS == 0


def _slices(raw: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        for begin in range(start, end, _LARGEST_PIECE):
            yield raw[begin : min(begin + _LARGEST_PIECE, end)]


def _kind(piece: bytes) -> str:
    if len(piece) < _BLOB_FROM:
        return "piece"
    sample = piece[:_BLOB_FROM]
    return "blob" if len(zstandard.compress(sample)) > _INCOMPRESSIBLE * len(sample) else "piece"


def _whole(connection: sqlite3.Connection, number: int) -> bytes:
    row = connection.execute("SELECT zstd FROM bodies WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise PieceMissing(f"body {-number} is gone")
    try:
        return zstandard.decompress(row[0])
    except zstandard.ZstdError as exc:
        raise PieceMissing(f"body {-number} is damaged: {exc}") from exc
