"""Whether everything that is stored can be read back as it was put there.

SQLite looks at its pages; every pack is read, each of whose pieces has to have the hash that it is found by; then every
interaction, each of whose bodies has to have the hash that its list says. All in short reads: recording goes on
meanwhile, and so may a sweep.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final

import zstandard
from bson import ObjectId

from gemtap.stores.base import Fault
from gemtap.stores.sqlite.bodies import BodyStore, key_of
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.packs import Pack, PieceMissing, read_pack
from gemtap.stores.sqlite.rows import chunk_times, summary

_BODIES: Final = {
    "request_raw": "the exact bytes of its request",
    "request_value": "the body of its request",
    "response_raw": "the exact bytes of its response",
    "response_value": "the body of its response",
}


def verify(connection: sqlite3.Connection, bodies: BodyStore, looked_at: Callable[[int], None]) -> Iterator[Fault]:
    """Everything that is wrong. Between two faults the connection has no transaction open.

    `looked_at` is told, in this thread, of how many interactions were read.
    """
    yield from _file(connection)
    yield from _pieces(connection)
    number = -1
    while (row := _next(connection, bodies, number)) is not None:
        number, id_, faults = row
        yield from (Fault(ObjectId(id_), fault) for fault in faults)
        looked_at(1)


def _file(connection: sqlite3.Connection) -> Iterator[Fault]:
    for (line,) in connection.execute("PRAGMA quick_check(10)").fetchall():
        if line != "ok":
            yield Fault(None, f"the file is damaged: {line}")


def _pieces(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Packs that cannot be read, and pieces that are not what they are found by."""
    numbers, keys = array("q"), array("q")
    for number, key in connection.execute("SELECT number, key FROM pieces ORDER BY number"):
        numbers.append(number)
        keys.append(key)
    at = 0
    while at < len(numbers):
        number = numbers[at]
        try:
            pack = read_pack(connection, number)
        except PieceMissing as exc:
            if _is_found(connection, keys[at], number):
                yield Fault(None, exc.what)
            at += 1
            continue
        end = bisect_left(numbers, pack.first + pack.span, at)
        for number, key in zip(numbers[at:end], keys[at:end], strict=True):
            yield from _piece(connection, pack, number, key)
        at = end


def _piece(connection: sqlite3.Connection, pack: Pack, number: int, key: int) -> Iterator[Fault]:
    piece = pack.piece(number)
    if piece and key_of(piece) != key:
        yield Fault(None, f"piece {number} is damaged: its hash does not fit")
    elif not piece and _is_found(connection, key, number):
        yield Fault(None, f"piece {number} is gone")


def _is_found(connection: sqlite3.Connection, key: int, number: int) -> bool:
    """Whether the piece is still among those that may be referred to: it may have been swept away meanwhile."""
    return connection.execute("SELECT 1 FROM pieces WHERE key = ? AND number = ?", (key, number)).fetchone() is not None


def _next(connection: sqlite3.Connection, bodies: BodyStore, after: int) -> tuple[int, bytes, list[str]] | None:
    """The number and id of the next interaction, and what is wrong with it; None where there is none."""
    # One state of the database: an interaction may be deleted, and its bodies with it, at any time.
    with transaction(connection, "DEFERRED"):
        row = connection.execute(
            f"SELECT number, id, document, chunks, {', '.join(_BODIES)} FROM interactions"  # noqa: S608 - our own names
            " WHERE number > ? ORDER BY number LIMIT 1",
            (after,),
        ).fetchone()
        if row is None:
            return None
        number, id_, document, chunks, *references = row
        faults = list(_document(document, chunks))
        for about, reference in zip(_BODIES.values(), references, strict=True):
            try:
                if reference is not None:
                    bodies.get(connection, reference)
            except PieceMissing as exc:
                faults.append(f"{about} cannot be read: {exc.what}")
    return number, id_, faults


def _document(document: bytes, chunks: bytes | None) -> Iterator[str]:
    try:
        summary(document)
        if chunks is not None:
            chunk_times(chunks)
    except (zstandard.ZstdError, ValueError, KeyError, TypeError) as exc:
        yield f"its document cannot be read: {exc}"
