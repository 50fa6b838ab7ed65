"""Garbage collection: frees pieces that no body refers to, in small steps beside recording.

Pieces are shared, so deleting an interaction frees nothing by itself. Garbage collection marks what the interactions
refer to. Then it deletes packs without live pieces, and rewrites packs that are mostly garbage. What is recorded
meanwhile may refer to a piece that looked dead, so each pack is changed in a transaction that first marks the new
interactions. Their numbers show which are new, since no number is given twice.

Everything is read from the disk, without a cache. All of it must be readable before anything is freed: an unreadable
list would look like one that refers to nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple

from gemtap.stores.sqlite.bodies import BodyStore, counters, key_of
from gemtap.stores.sqlite.compaction import Stopped, compressed, never
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.damage import damaged_references, maintenance
from gemtap.stores.sqlite.deleting import vacuum_step
from gemtap.stores.sqlite.packs import (
    FIRST_BLOB,
    Pack,
    PackHead,
    PieceMissing,
    WriteVerificationFailed,
    heads,
    insert_pack,
    pack_of,
    read_head,
)

_MARKED_AT_ONCE: Final = 200
"""Number of interactions that are read in one transaction."""

_WORTH_IT: Final = 0.2
"""Share of garbage from which on a pack is rewritten."""


class Swept(NamedTuple):
    """Progress of garbage collection."""

    done: int
    """Number of packs."""
    of: int
    freed: int
    """Bytes before compression."""


def sweep(connection: sqlite3.Connection, stopping: Callable[[], bool] = never) -> Iterator[Swept]:
    """Free what no interaction refers to, one pack per step, and shrink the file.

    A caller that stops early loses nothing but the space that was not freed yet. Raises StoreDamaged if anything that
    is stored cannot be read, and Stopped if `stopping` returns true.
    """
    with maintenance(connection):
        deleted = counters(connection)["deleted"]
        marks = _Marks(connection)
        marks.catch_up()
        found = heads(connection)
        for head in found:
            if stopping():
                raise Stopped
            read_head(connection, head)
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
    """The pieces that interactions refer to."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._bodies = BodyStore()
        self._read_up_to = 0
        self._live = {"piece": bytearray(), "blob": bytearray()}
        counted = counters(connection)
        self._end = {kind: counted[kind] for kind in self._live}
        """Pieces from these numbers on are newer than this collection and left to the next one."""
        self._protected = {kind: counted[f"protected_{kind}"] for kind in self._live}
        """Pieces before these numbers may belong to lists that were lost to damage."""
        for reference in damaged_references(connection):
            self._mark(reference)
            try:
                self._mark_list(reference)
            except PieceMissing:
                pass  # this damage is known

    def catch_up(self) -> None:
        """Mark the references of all interactions up to the newest one at this moment.

        It reads in short transactions, unless the caller has one open. Raises PieceMissing if a list is unreadable.
        """
        (newest,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM interactions").fetchone()
        while self._read_up_to < newest and self._mark_some():
            pass

    def _mark_some(self) -> bool:
        # Rows and lists are read in one snapshot: a list that is missing in it is damage, not a deletion.
        snapshot: AbstractContextManager[None] = (
            nullcontext() if self._connection.in_transaction else transaction(self._connection, "DEFERRED")
        )
        with snapshot:
            rows = self._connection.execute(
                "SELECT number, request_raw, request_value, response_raw, response_value FROM interactions"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (self._read_up_to, _MARKED_AT_ONCE),
            ).fetchall()
            for number, *references in rows:
                for reference in references:
                    if reference is not None:
                        self._mark(reference)
                        self._mark_list(reference)
                self._read_up_to = number
        return bool(rows)

    def _mark_list(self, reference: int) -> None:
        for number in self._bodies.list_of(self._connection, reference).numbers():
            self._mark(number)

    def _mark(self, number: int) -> None:
        kind, at = _place(number)
        live = self._live[kind]
        if at >= len(live):
            live.extend(bytes(max(4096, at + 1 - len(live))))
        live[at] = 1

    def is_live(self, number: int) -> bool:
        """Whether a body refers to the piece, or may do so."""
        kind, at = _place(number)
        if number >= self._end[kind] or number < self._protected[kind]:
            return True
        live = self._live[kind]
        return at < len(live) and live[at] == 1


def _place(number: int) -> tuple[str, int]:
    return ("piece", number) if number < FIRST_BLOB else ("blob", number - FIRST_BLOB)


def _sweep_pack(connection: sqlite3.Connection, marks: _Marks, head: PackHead, stopping: Callable[[], bool]) -> int:
    """Free the garbage of a pack if there is enough of it. Returns the number of freed bytes."""
    pack = read_head(connection, head)
    if pack is None:
        return 0
    dead = [(number, piece) for number, piece in pack.pieces() if not marks.is_live(number)]
    size = sum(len(piece) for _, piece in dead)
    if size < _WORTH_IT * len(pack.data) or (not dead and pack.data):
        return 0
    left = _without(pack, {number for number, _ in dead})
    packed = None if head.first >= FIRST_BLOB else compressed(left.data, stopping)
    # Most of what was recorded meanwhile is marked here, outside of the write transaction.
    marks.catch_up()
    with transaction(connection, "IMMEDIATE"):
        marks.catch_up()
        is_same = head in heads(connection, after=head.first - 1)[:1]
        if not is_same or any(marks.is_live(number) for number, _ in dead):
            return 0
        connection.execute("DELETE FROM packs WHERE first = ?", (head.first,))
        if left.data:
            insert_pack(connection, left, head.tier, packed)
        connection.executemany(
            "DELETE FROM pieces WHERE key = ? AND number = ?", [(key_of(piece), number) for number, piece in dead]
        )
    return size


def _without(pack: Pack, dead: set[int]) -> Pack:
    left = pack_of(pack.first, (b"" if number in dead else pack.piece(number) for number in pack.numbers))
    if any(left.piece(number) != (b"" if number in dead else pack.piece(number)) for number in pack.numbers):
        raise WriteVerificationFailed(f"The pack from piece {pack.first} on lost live pieces when garbage was removed.")
    return left
