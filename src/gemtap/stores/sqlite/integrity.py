"""Verification of everything that is stored.

SQLite checks its pages. Then every pack is read, and the pieces in the deduplication index must have the hash that they
are found by. Then every interaction is read, and each of its bodies must have the hash of its list. All reads are
short: recording, compaction and garbage collection go on meanwhile.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import zstandard
from bson import ObjectId

from gemtap.stores.maintenance import Fault
from gemtap.stores.sqlite.bodies import BodyStore, key_of
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.errors import DamagedFile
from gemtap.stores.sqlite.packs import Pack, PackHead, PieceMissing, heads, read_head, read_pack
from gemtap.stores.sqlite.rows import chunk_times, summary

_FAULT_OF_FILE: Final = "the file is damaged: "

BODIES: Final = {
    "request_raw": "the exact bytes of its request",
    "request_value": "the body of its request",
    "response_raw": "the exact bytes of its response",
    "response_value": "the body of its response",
}


def verify(connection: sqlite3.Connection, bodies: BodyStore, looked_at: Callable[[int], None]) -> Iterator[Fault]:
    """Every fault. Between two faults the connection has no transaction open.

    `looked_at` is called, in this thread, with the number of interactions that were read since the last call.
    """
    yield from _file(connection)
    with told_as_damage(connection):
        for head, why in damaged_packs(connection):
            yield Fault(None, f"{why}: {head.span:,} pieces are lost")
        yield from (Fault(None, what) for _, _, what in wrong_keys(connection))
        number = -1
        while (row := _next(connection, bodies, number)) is not None:
            number, id_, faults = row
            # ObjectId(None) would be a new one.
            yield from (Fault(ObjectId(id_) if id_ else None, fault) for fault in faults)
            looked_at(1)


@contextmanager
def told_as_damage(connection: sqlite3.Connection) -> Iterator[None]:
    """Raise DamagedFile for what fails because pages of the file were overwritten, such as a NULL where none may be."""
    try:
        yield
    except (TypeError, ValueError, sqlite3.IntegrityError) as exc:
        fault = next(_file(connection), None)
        if fault is None:
            raise
        raise DamagedFile(fault.what.removeprefix(_FAULT_OF_FILE)) from exc


def _file(connection: sqlite3.Connection) -> Iterator[Fault]:
    for (lines,) in connection.execute("PRAGMA quick_check(10)").fetchall():
        yield from (Fault(None, f"{_FAULT_OF_FILE}{line}") for line in lines.splitlines() if line != "ok")


def damaged_packs(connection: sqlite3.Connection) -> Iterator[tuple[PackHead, str]]:
    """Packs that cannot be read, with the reason."""
    for head in heads(connection):
        try:
            read_head(connection, head)
        except PieceMissing as exc:
            yield head, exc.what


def wrong_keys(connection: sqlite3.Connection) -> Iterator[tuple[int, int, str]]:
    """Keys of the deduplication index whose piece is missing or another one: the key, the number and what is wrong.

    Pieces in packs that cannot be read are passed over.
    """
    numbers, keys = array("q"), array("q")
    for number, key in connection.execute("SELECT number, key FROM pieces ORDER BY number"):
        numbers.append(number)
        keys.append(key)
    at = 0
    while at < len(numbers):
        end = at + 1
        try:
            pack = read_pack(connection, numbers[at])
            end = bisect_left(numbers, pack.first + pack.span, at)
            found = [_wrong_key(pack, key, number) for key, number in zip(keys[at:end], numbers[at:end], strict=True)]
        except PieceMissing as exc:
            found = [None if exc.is_damage else exc.what]
        for key, number, what in zip(keys[at:end], numbers[at:end], found, strict=True):
            if what is not None and _is_found(connection, key, number):
                yield key, number, what
        at = end


def _wrong_key(pack: Pack, key: int, number: int) -> str | None:
    piece = pack.piece(number)
    if piece and key_of(piece) == key:
        return None
    return f"piece {number} has another hash than the key that it is found by" if piece else f"piece {number} is gone"


def _is_found(connection: sqlite3.Connection, key: int, number: int) -> bool:
    """Whether the key is still in the index: garbage collection may have removed it meanwhile."""
    return connection.execute("SELECT 1 FROM pieces WHERE key = ? AND number = ?", (key, number)).fetchone() is not None


def _next(connection: sqlite3.Connection, bodies: BodyStore, after: int) -> tuple[int, bytes, list[str]] | None:
    """The number and id of the next interaction, and its faults. None if there is none."""
    # In one snapshot: an interaction and its bodies may be deleted at any time.
    with transaction(connection, "DEFERRED"):
        row = connection.execute(
            f"SELECT number, id, document, chunks, {', '.join(BODIES)} FROM interactions"  # noqa: S608 - our own names
            " WHERE number > ? ORDER BY number LIMIT 1",
            (after,),
        ).fetchone()
        if row is None:
            return None
        number, id_, document, chunks, *references = row
        faults = [] if (fault := document_fault(document, chunks)) is None else [fault]
        for about, reference in zip(BODIES.values(), references, strict=True):
            try:
                if reference is not None:
                    bodies.get(connection, reference)
            except PieceMissing as exc:
                faults.append(f"{about} cannot be read: {exc.what}")
    return number, id_, faults


def document_fault(document: bytes, chunks: bytes | None) -> str | None:
    """Why a row's document cannot be read, or None."""
    try:
        summary(document)
        if chunks is not None:
            chunk_times(chunks)
    except (zstandard.ZstdError, ValueError, KeyError, TypeError) as exc:
        return f"its document cannot be read: {exc}"
    return None
