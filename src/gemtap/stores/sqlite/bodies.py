"""Content-addressed storage of bodies: each distinct piece once, and a body as the list of its pieces.

Agents send the whole conversation again with every turn. A body is cut at the cut points of its dialect
(`gemtap.dialects.cut_points`). Pieces that exist are referred to by number, new ones get the next numbers. The list is
a piece, too: MessagePack of a hash of the whole body, then literal bytes and numbers of pieces, in order. Lists of
consecutive turns differ only at their ends. Long lists are cut into groups of items, and each group is a piece that is
stored once. Only the last item of a group decides where it ends, so that after a change in the middle of a list the
groups are soon the same again.

Correctness does not depend on unique hashes: a piece that was found by its hash is compared byte by byte before a body
refers to it. Pieces without references are freed by garbage collection (`gc`).
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple

import msgpack

from gemtap.dialects.cut_points import SMALLEST, cut_points
from gemtap.latest_bodies import REMEMBERED_FROM, REMEMBERED_UP_TO, LatestBodies
from gemtap.stores.sqlite.body_runs import DIGEST_BYTES, Run, begun
from gemtap.stores.sqlite.new_pieces import NewPieces, kind_of
from gemtap.stores.sqlite.pack_reader import PackCache, PackReader
from gemtap.stores.sqlite.packs import (
    FIRST_BLOB,
    PackKey,
    PieceMissing,
    dedup_window_start,
    insert_pack,
)

_LARGEST_PIECE: Final = 4 * 2**20

_KEPT_IN_LIST: Final = 16_384
"""A body without cut points up to this size is literal in its list: it is not expected to come again unchanged."""

_GROUP_ENDS: Final = 8
"""One number in this many ends a group, unless the group is too short to be referred to."""


class BodyList(NamedTuple):
    """The content of a body by reference."""

    digest: bytes
    """Hash of the whole body."""
    items: list[bytes | int]
    """Literal bytes and numbers of pieces, in order."""
    groups: list[int]
    """Numbers of the pieces that hold groups of the list."""

    def numbers(self) -> Iterator[int]:
        """The numbers of all pieces that the body needs."""
        yield from self.groups
        yield from (item for item in self.items if isinstance(item, int))


class BodyStore:
    """Bytes by reference. A reference is the number of a list. Any number of threads may use one store."""

    def __init__(self) -> None:
        self._cache = PackCache()
        self._latest: LatestBodies[list[Run]] = LatestBodies()

    def writing(self, connection: sqlite3.Connection) -> BodyWriter:
        """A writer for one transaction. There may be only one at a time, while others read."""
        return BodyWriter(self._cache, self._latest, connection)

    def get(self, connection: sqlite3.Connection, reference: int) -> bytes:
        """The bytes that were stored, verified by their hash. Raises PieceMissing.

        The caller has a transaction open, or else nothing may change the packs meanwhile.
        """
        reader = PackReader(self._cache, connection)
        digest, items, _ = _read_list(reader, reference)
        pieces = reader.read(item for item in items if isinstance(item, int))
        raw = b"".join(pieces[item] if isinstance(item, int) else item for item in items)
        if digest_of(raw) != digest:
            raise PieceMissing(f"body {reference} is damaged: its hash does not fit")
        return raw

    def list_of(self, connection: sqlite3.Connection, reference: int) -> BodyList:
        """A body's list. Raises PieceMissing."""
        return _read_list(PackReader(self._cache, connection), reference)

    def delete(self, connection: sqlite3.Connection) -> None:
        """Count a body as deleted. Its pieces may belong to other bodies, so garbage collection frees them later."""
        _add(connection, bodies=-1, deleted=1)


def _read_list(reader: PackReader, reference: int) -> BodyList:
    packed = reader.read([reference])[reference]
    try:
        digest, *found = msgpack.unpackb(packed)
        groups = [item[0] for item in found if isinstance(item, list)]
        packed_groups = reader.read(groups)
        items: list[bytes | int] = []
        for item in found:
            if isinstance(item, list):
                items += msgpack.unpackb(packed_groups[item[0]])
            else:
                items.append(item)
    except (TypeError, ValueError, msgpack.UnpackException) as exc:
        raise PieceMissing(f"the list of body {reference} is damaged: {exc}") from exc
    return BodyList(digest, items, groups)


class BodyWriter:
    """Stores bodies within one transaction. They exist once `finish` was called."""

    def __init__(self, cache: PackCache, latest: LatestBodies[list[Run]], connection: sqlite3.Connection) -> None:
        self._cache = cache
        self._latest = latest
        self._connection = connection
        self._reader = PackReader(cache, connection)
        self._keys: dict[int, int] = {}
        """Numbers of new pieces by their keys."""
        self._new = {kind: NewPieces(connection, kind) for kind in ("piece", "blob")}
        self._bodies = 0
        self._new_runs: set[Run] = set()
        """Those of this transaction that are remembered."""
        self._is_there: dict[PackKey, bool] = {}
        """Whether the packs of remembered runs are there."""

    def put(self, raw: bytes, cuts: Sequence[int] | None = None) -> int:
        """Store the bytes and return their reference. `cuts` are their cut points, if they are known."""
        if cuts is None:
            cuts = cut_points(raw)
        is_short = not cuts and len(raw) <= _KEPT_IN_LIST
        # The list of a body with cut points is remembered for the next turn of its conversation.
        is_remembered = bool(cuts) and REMEMBERED_FROM <= len(raw) <= REMEMBERED_UP_TO
        nearest = self._latest.nearest(raw) if is_remembered else None
        runs = begun(nearest, cuts, self._has)
        run = runs.pop()
        end = run.end
        pieces = list(_slices(raw, end, cuts))
        if b"".join(pieces) != raw[end:]:
            raise AssertionError("the pieces of a body are not the body")
        size = sum(map(_size_in_list, run.items))
        for piece in pieces:
            item = piece if is_short or len(piece) < SMALLEST else self._referred(piece)
            end += len(piece)
            run.items.append(item)
            run.ends.append(end)
            size += _size_in_list(item)
            # What is likely to come again together becomes `[number]`, the number of its group.
            if size >= SMALLEST and isinstance(item, int) and _ends_group(item):
                number = self._referred(msgpack.packb(run.items))
                run.listed = [[number]] if isinstance(number, int) else list(run.items)
                runs.append(run)
                run, size = Run(end, run.hashed_up_to(raw, end)), 0
        if is_remembered:
            self._new_runs.update((*(each for each in runs if each.packs is None), run))
            self._latest.remember(raw, [*runs, run], nearest)
        self._bodies += 1
        digest = run.hashed_up_to(raw, len(raw)).digest()
        return self._new["piece"].add(
            msgpack.packb([digest, *chain.from_iterable(each.listed for each in runs), *run.items])
        )

    def finish(self) -> None:
        """Write the new pieces. Raises WriteVerificationFailed."""
        for new in self._new.values():
            for pack, tier in new.packs():
                # If the transaction fails, the edition stays in the cache and nothing ever asks for it.
                self._cache.add(insert_pack(self._connection, pack, tier), pack)
        for run in self._new_runs:
            run.packs = frozenset(map(self._reader.pack_key, run.numbers()))
        if self._bodies:
            _add(self._connection, bodies=self._bodies)

    def _has(self, run: Run) -> bool:
        """Whether the pieces of a remembered run are where they were, and new bodies may refer to them."""
        if run.packs is None:
            return run in self._new_runs
        return all(map(self._has_pack, run.packs))

    def _has_pack(self, key: PackKey) -> bool:
        found = self._is_there.get(key)
        if found is None:
            found = self._is_there[key] = key.first >= self._nearest and self._reader.has(key)
        return found

    def _referred(self, piece: bytes) -> int | bytes:
        """The number of a piece, which is stored if it is new. The piece itself if its key belongs to another piece."""
        key = key_of(piece)
        known = self._keys.get(key)
        if known is None:
            row = self._connection.execute("SELECT number FROM pieces WHERE key = ?", (key,)).fetchone()
            known = None if row is None else row[0]
        if known is not None and known >= self._nearest:
            # Two pieces may have the same 64 bits of hash, however unlikely it is.
            return known if self._content(known) == piece else piece
        number = self._new[kind_of(piece)].add(piece)
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
            return self._reader.read([number])[number]
        except PieceMissing:
            return None


def counters(connection: sqlite3.Connection) -> dict[str, int]:
    """The counters by name: see `schema.sql`."""
    return dict(connection.execute("SELECT name, value FROM counters").fetchall())


def _add(connection: sqlite3.Connection, **by: int) -> None:
    connection.executemany(
        "UPDATE counters SET value = value + ? WHERE name = ?", [(count, name) for name, count in by.items()]
    )


def digest_of(raw: bytes) -> bytes:
    """The hash of a body in its list."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()


def key_of(piece: bytes) -> int:
    """The key of a piece: 64 bits of its hash."""
    return int.from_bytes(blake2b(piece, digest_size=8).digest(), "big", signed=True)


def _ends_group(number: int) -> bool:
    # Multiplied by Knuth's constant, since the numbers of a conversation have steady distances.
    return (number * 2_654_435_761 >> 16) % _GROUP_ENDS == 0


def _size_in_list(item: bytes | int) -> int:
    return 5 if isinstance(item, int) else len(item)


def _slices(raw: bytes, first: int, cuts: Sequence[int]) -> Iterator[bytes]:
    """The pieces from an offset on."""
    cuts = cuts[bisect_right(cuts, first) :]
    for start, end in zip([first, *cuts], [*cuts, len(raw)], strict=True):
        for begin in range(start, end, _LARGEST_PIECE):
            yield raw[begin : min(begin + _LARGEST_PIECE, end)]
