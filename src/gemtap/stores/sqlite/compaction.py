"""Compaction: merges small packs into larger ones, which compress better.

New packs are small and compressed quickly. Compaction reads neighbouring packs from the disk, compares the merged pack
with them piece by piece, and compresses it, all outside of the short transaction that replaces them. The last merge of
a piece uses zstd's strongest strategy, which takes fifty times as long as the level of the merges before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import zstandard

from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.damage import maintenance
from gemtap.stores.sqlite.packs import (
    FINAL,
    FRESH,
    Pack,
    PackHead,
    WriteVerificationFailed,
    compress,
    dedup_window_start,
    heads,
    insert_pack,
    pack_of,
    read_head,
)

Tiers = Mapping[int, tuple[int, int]]

TIERS: Final[Tiers] = {FRESH: (2 * 2**20, 1), 1: (4 * 2**20, 2), 2: (8 * 2**20, 3), 3: (16 * 2**20, FINAL)}
"""By tier: how many bytes of neighbouring packs, before compression, become one pack, and its tier.

The sizes double, so that the packs that wait for their last tier are a small part of the store.
"""

_MOST_GAPS: Final = 10_000
"""How many numbers without a piece may lie between packs that are merged."""

_INCOMPRESSIBLE: Final = 0.6

_LEVEL: Final = 9
"""The zstd level of packs that will be merged again."""

_LARGEST_WINDOW_LOG: Final = 24

_CHUNK: Final = 2**18


class Stopped(Exception):
    """The caller asked for the work to stop."""


def never() -> bool:
    """A `stopping` that never stops the work."""
    return False


def merge(connection: sqlite3.Connection, stopping: Callable[[], bool] = never, tiers: Tiers = TIERS) -> bool:
    """Merge one run of small packs. False if there is none, or if others changed it meanwhile.

    Raises Stopped if `stopping` returns true, and StoreDamaged if a pack of this store cannot be read.
    """
    with maintenance(connection):
        there = heads(connection)
        for tier, (wanted, next_tier) in tiers.items():
            run = _run(there, tier, wanted)
            if run:
                replaced = _merge(connection, run, next_tier, stopping)
                if replaced and next_tier == FINAL:
                    prune_dedup_index(connection)
                return replaced
    return False


def _merge(connection: sqlite3.Connection, run: Sequence[PackHead], tier: int, stopping: Callable[[], bool]) -> bool:
    packs = []
    for head in run:
        pack = read_head(connection, head)
        if pack is None:
            return False
        packs.append(pack)
    merged = _merged(packs)
    if not _holds_all(merged, packs):
        raise WriteVerificationFailed(f"Packs merged from piece {merged.first} on lost or changed pieces.")
    smaller = compressed(merged.data, stopping) if tier == FINAL else compressed_quickly(merged.data)
    return _replace(connection, run, merged, smaller, tier)


def _holds_all(merged: Pack, packs: Sequence[Pack]) -> bool:
    """Whether the merged pack has every piece of the packs under its number, and no others."""
    view = memoryview(merged.data)
    same = all(
        view[merged.offsets[number - merged.first] : merged.offsets[number - merged.first + 1]] == pack.piece(number)
        for pack in packs
        for number in pack.numbers
    )
    return same and len(merged.data) == sum(len(pack.data) for pack in packs)


def prune_dedup_index(connection: sqlite3.Connection) -> None:
    """Remove the keys of pieces before the deduplication window, once they are half of all."""
    with transaction(connection, "IMMEDIATE"):
        near = connection.execute(
            "SELECT key, number FROM pieces WHERE number >= ? ORDER BY key", (dedup_window_start(connection),)
        ).fetchall()
        (count,) = connection.execute("SELECT count(*) FROM pieces").fetchone()
        if count >= 2 * len(near):
            # Keys are in random order: deleting some would leave every page partly empty.
            connection.execute("DELETE FROM pieces")
            connection.executemany("INSERT INTO pieces (key, number) VALUES (?, ?)", near)


def _run(there: Sequence[PackHead], tier: int, wanted: int) -> list[PackHead]:
    """The first neighbouring packs of a tier that have `wanted` bytes together. Empty if there are none."""
    run: list[PackHead] = []
    size = 0
    for head in there:
        if head.tier != tier or (run and head.first - run[-1].first - run[-1].span > _MOST_GAPS):
            run, size = [], 0
        if head.tier == tier:
            run.append(head)
            size += head.size
            if size >= wanted:
                return run
    return []


def _merged(packs: Sequence[Pack]) -> Pack:
    pieces: list[bytes] = []
    first = packs[0].first
    for pack in packs:
        pieces += [b""] * (pack.first - first - len(pieces))
        pieces += [pack.piece(number) for number in pack.numbers]
    return pack_of(first, pieces)


def _replace(connection: sqlite3.Connection, old: Sequence[PackHead], new: Pack, compressed: bytes, tier: int) -> bool:
    """Replace packs by one, unless others changed them meanwhile. Returns whether it did."""
    first, last = old[0].first, old[-1].first
    with transaction(connection, "IMMEDIATE"):
        between = [head for head in heads(connection, after=first - 1) if head.first <= last]
        if between != list(old):
            return False
        connection.execute("DELETE FROM packs WHERE first BETWEEN ? AND ?", (first, last))
        insert_pack(connection, new, tier, compressed)
        return True


def compressed_quickly(data: bytes) -> bytes:
    """A zstd frame with a checksum, of data that will soon be compressed again with more."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, window_log=_window_log(data), write_checksum=True
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def compressed(data: bytes, stopping: Callable[[], bool] = never) -> bytes:
    """A zstd frame with a checksum, as small as possible within seconds. Raises Stopped."""
    quickly = compress(data)
    if len(quickly) > _INCOMPRESSIBLE * len(data):
        return quickly
    parameters = zstandard.ZstdCompressionParameters(
        window_log=_window_log(data),
        # As level 19, but with a window over the whole pack.
        chain_log=24,
        hash_log=22,
        search_log=7,
        min_match=3,
        target_length=256,
        strategy=zstandard.STRATEGY_BTULTRA2,
        write_checksum=True,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=len(data))
    parts = []
    for start in range(0, len(data), _CHUNK):
        if stopping():
            raise Stopped
        parts.append(compressor.compress(data[start : start + _CHUNK]))
    parts.append(compressor.flush())
    return b"".join(parts)


def _window_log(data: bytes) -> int:
    """The logarithm of a window over all of the data."""
    return max(10, min(_LARGEST_WINDOW_LOG, (len(data) - 1).bit_length()))
