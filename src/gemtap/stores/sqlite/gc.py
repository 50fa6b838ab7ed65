"""Freeing what nobody refers to any more, in small steps beside recording.

Pieces are shared, so deleting an interaction frees nothing by itself. A sweep marks what the interactions that there
are refer to, and then goes through the packs: one that is all dead is deleted, one that is dead in good part is
written anew without it. What is recorded meanwhile may refer to a piece that looked dead; so each pack is changed in a
transaction that marks, before it does so, what the interactions that have come since refer to. These are known by
their numbers: a number is never given twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import zstandard

from gemtap.stores.sqlite.bodies import BodyStore, counters, key_of
from gemtap.stores.sqlite.compaction import compressed, never
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.deleting import vacuum_step
from gemtap.stores.sqlite.packs import FIRST_BLOB, Pack, PackHead, PieceMissing, heads, insert_pack, pack_of, read_pack
from gemtap.stores.sqlite.whole_bodies import move_whole_bodies

_MARKED_AT_ONCE: Final = 200
"""Interactions that are read in one transaction."""

_WORTH_IT: Final = 0.2
"""A pack is written anew if this much of it is dead."""


class Swept(NamedTuple):
    """How far a sweep has come."""

    done: int
    """Packs."""
    of: int
    freed: int
    """Bytes before compression, until now."""


def sweep(
    connection: sqlite3.Connection,
    bodies: BodyStore,
    stopping: Callable[[], bool] = never,
) -> Iterator[Swept]:
    """Free what no interaction refers to, a pack at each step, and let the file end earlier.

    Whoever stops asking for the next step loses nothing but what was not freed yet. Raises `compaction.Stopped`.
    """
    while move_whole_bodies(connection, bodies):
        pass
    deleted = counters(connection)["deleted"]
    marks = _Marks(connection, bodies)
    for _ in marks.catch_up():
        pass
    found = heads(connection)
    freed = 0
    for done, head in enumerate(found, 1):
        freed += _sweep_pack(connection, marks, head, stopping)
        while vacuum_step(connection, least=512):
            pass
        yield Swept(done, len(found), freed)
    while vacuum_step(connection):
        pass
    connection.execute("UPDATE counters SET value = value - ? WHERE name = 'deleted'", (deleted,))


class _Marks:
    """Which pieces the interactions refer to, as far as these are read."""

    def __init__(self, connection: sqlite3.Connection, bodies: BodyStore) -> None:
        self._connection = connection
        self._bodies = bodies
        self._read_up_to = 0
        self._live = {"piece": bytearray(), "blob": bytearray()}
        self._end = counters(connection)
        """Pieces from these numbers on came after the sweep began: they are left to the next."""

    def catch_up(self) -> Iterator[None]:
        """Read the interactions that were not read yet, in short transactions unless one is under way.

        Those that are there now: whoever records without a pause is not run after for ever.
        """
        (newest,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM interactions").fetchone()
        while self._read_up_to < newest:
            rows = self._connection.execute(
                "SELECT number, request_raw, request_value, response_raw, response_value FROM interactions"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (self._read_up_to, _MARKED_AT_ONCE),
            ).fetchall()
            if not rows:
                return
            for number, *references in rows:
                for reference in references:
                    # One below zero has no pieces, see `whole_bodies`.
                    if reference is not None and reference > 0:
                        self._mark_body(reference)
                self._read_up_to = number
            yield

    def _mark_body(self, reference: int) -> None:
        self._mark(reference)
        try:
            found = self._bodies.list_of(self._connection, reference)
        except PieceMissing:
            # It was deleted since its row was read; or it is damaged, which `integrity` tells, and refers to nothing.
            return
        for number in found.numbers():
            self._mark(number)

    def _mark(self, number: int) -> None:
        live, at = self._of(number)
        if at >= len(live):
            live.extend(bytes(max(4096, at + 1 - len(live))))
        live[at] = 1

    def is_live(self, number: int) -> bool:
        """Whether somebody refers to it, or it is too new to say."""
        live, at = self._of(number)
        if number >= self._end["piece" if number < FIRST_BLOB else "blob"]:
            return True
        return at < len(live) and live[at] == 1

    def _of(self, number: int) -> tuple[bytearray, int]:
        if number < FIRST_BLOB:
            return self._live["piece"], number
        return self._live["blob"], number - FIRST_BLOB


def _sweep_pack(connection: sqlite3.Connection, marks: _Marks, head: PackHead, stopping: Callable[[], bool]) -> int:
    """Free what is dead of a pack, if it is worth it; how many bytes that was."""
    try:
        pack = read_pack(connection, head.first)
    except PieceMissing:
        return 0
    dead = [(number, piece) for number, piece in pack.pieces() if not marks.is_live(number)]
    size = sum(len(piece) for _, piece in dead)
    if size < _WORTH_IT * len(pack.data) or (not dead and pack.data):
        return 0
    left = _without(pack, {number for number, _ in dead})
    packed = zstandard.compress(left.data) if head.first >= FIRST_BLOB else compressed(left.data, stopping)
    # Most of what has come meanwhile is read here, where nobody waits for it.
    for _ in marks.catch_up():
        pass
    with transaction(connection, "IMMEDIATE"):
        for _ in marks.catch_up():
            pass
        is_same = head in heads(connection, after=head.first - 1)[:1]
        if not is_same or any(marks.is_live(number) for number, _ in dead):
            return 0
        connection.execute("DELETE FROM packs WHERE first = ?", (head.first,))
        if left.data:
            insert_pack(connection, left, packed, head.tier)
        connection.executemany(
            "DELETE FROM pieces WHERE key = ? AND number = ?", [(key_of(piece), number) for number, piece in dead]
        )
    return size


def _without(pack: Pack, dead: set[int]) -> Pack:
    numbers = range(pack.first, pack.first + pack.span)
    return pack_of(pack.first, (b"" if number in dead else pack.piece(number) for number in numbers))
