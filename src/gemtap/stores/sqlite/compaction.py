"""Packs merged into larger ones, and compressed as well as seconds allow.

A pack is written as its pieces come, quickly compressed, and compresses badly, being small. Compressing happens outside
of the transactions, which are short.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import zstandard

from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.packs import (
    FINAL,
    FRESH,
    Pack,
    PackHead,
    dedup_window_start,
    heads,
    insert_pack,
    pack_of,
    read_pack,
)

Tiers = Mapping[int, tuple[int, int]]

TIERS: Final[Tiers] = {FRESH: (2 * 2**20, 1), 1: (4 * 2**20, 2), 2: (8 * 2**20, 3), 3: (16 * 2**20, FINAL)}
"""How many bytes of neighbouring packs of a tier, before compression, become one pack, and of which tier.

Doubled each time, so that the end of the file, which is yet to come to its last tier, is small too.
"""

_MOST_GAPS: Final = 10_000
"""Numbers without a piece that may be between packs which are merged."""

_INCOMPRESSIBLE: Final = 0.6

_CHUNK: Final = 2**18


class Stopped(Exception):
    """Whoever called wants no more of it now."""


def never() -> bool:
    """For those who want it all."""
    return False


def merge(connection: sqlite3.Connection, stopping: Callable[[], bool] = never, tiers: Tiers = TIERS) -> bool:
    """Make one pack of some that are small; False where there are none. Raises Stopped when `stopping` says so."""
    there = heads(connection)
    for tier, (wanted, next_tier) in tiers.items():
        run = _run(there, tier, wanted)
        if run:
            merged = _merged([read_pack(connection, head.first) for head in run])
            replaced = _replace(connection, run, merged, compressed(merged.data, stopping), next_tier)
            if replaced and next_tier == FINAL:
                prune_dedup_index(connection)
            return replaced
    return False


def prune_dedup_index(connection: sqlite3.Connection) -> None:
    """Let go of the keys of pieces that nothing new may refer to any more, once they are half of all."""
    with transaction(connection, "IMMEDIATE"):
        near = connection.execute(
            "SELECT key, number FROM pieces WHERE number >= ? ORDER BY key", (dedup_window_start(connection),)
        ).fetchall()
        (count,) = connection.execute("SELECT count(*) FROM pieces").fetchone()
        if count >= 2 * len(near):
            # Keys are in no order: taking out some would leave every page, a little emptier.
            connection.execute("DELETE FROM pieces")
            connection.executemany("INSERT INTO pieces (key, number) VALUES (?, ?)", near)


def _run(there: Sequence[PackHead], tier: int, wanted: int) -> list[PackHead]:
    """The first packs of a tier that follow one another and have so many bytes together; none where there are none."""
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
        pieces += [pack.piece(number) for number in range(pack.first, pack.first + pack.span)]
    return pack_of(first, pieces)


def _replace(connection: sqlite3.Connection, old: Sequence[PackHead], new: Pack, compressed: bytes, tier: int) -> bool:
    """Put a pack in the place of others, unless somebody has changed them; whether it was."""
    first, last = old[0].first, old[-1].first
    with transaction(connection, "IMMEDIATE"):
        between = [head for head in heads(connection, after=first - 1) if head.first <= last]
        if between != list(old):
            return False
        connection.execute("DELETE FROM packs WHERE first BETWEEN ? AND ?", (first, last))
        insert_pack(connection, new, compressed, tier)
        return True


def compressed(data: bytes, stopping: Callable[[], bool] = never) -> bytes:
    """As small as zstd makes it within seconds, or quickly where that is worth nothing. Raises Stopped."""
    quickly = zstandard.compress(data)
    if len(quickly) > _INCOMPRESSIBLE * len(data):
        return quickly
    parameters = zstandard.ZstdCompressionParameters(
        window_log=max(10, min(24, (len(data) - 1).bit_length())),
        # Of level 19, but with a window over all of a pack.
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
