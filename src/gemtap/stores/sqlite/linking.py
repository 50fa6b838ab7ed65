"""The index of links, by which the turns of a conversation find each other, and changes of threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from bson import ObjectId

from gemtap.stores.links import After, Before, Linked, Move
from gemtap.stores.paging import from_milliseconds, milliseconds
from gemtap.stores.place import Place
from gemtap.stores.query.filter import Filter, thread_ids, with_threads
from gemtap.stores.sqlite.connections import Run, transaction
from gemtap.stores.sqlite.rows import changed, summary
from gemtap.stores.sqlite.search_index import make_due

_LATEST: Final = 2**63 - 1


class SqliteLinks:
    """See `gemtap.stores.links.LinkIndex`."""

    def __init__(self, read: Run, write: Run) -> None:
        self._read = read
        self._write = write

    async def before(self, wanted: Sequence[Before]) -> list[Linked | None]:
        """For each wanted link the newest interaction before its place."""
        return await self._read(partial(_read_before, wanted=wanted))

    async def after(self, wanted: Sequence[After]) -> list[Linked]:
        """The interactions that have one of the links after its place."""
        return await self._read(partial(_read_after, wanted=wanted))

    async def children(self, ids: Sequence[ObjectId]) -> list[Linked]:
        """The interactions whose parent is one of these."""
        return await self._read(partial(_read_children, ids=ids))

    async def in_threads(self, threads: Sequence[ObjectId]) -> list[ObjectId]:
        """The ids of the interactions of these threads."""
        return await self._read(partial(_read_in_threads, threads=threads))

    async def of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
        """The links of each of these interactions."""
        return await self._read(partial(_read_links, ids=ids))

    async def move(self, moves: Sequence[Move]) -> bool:
        """Change threads in one transaction."""
        return await self._write(partial(_move_all, moves=moves))


def insert_links(connection: sqlite3.Connection, place: Place, links: Iterable[bytes]) -> None:
    """Call within a transaction."""
    timestamp, id_ = _key(place)
    connection.executemany(
        "INSERT OR IGNORE INTO links (link, timestamp, id) VALUES (?, ?, ?)", [(link, timestamp, id_) for link in links]
    )


def delete_links(connection: sqlite3.Connection, id_: ObjectId) -> None:
    """Call within a transaction."""
    connection.execute("DELETE FROM links WHERE id = ?", (id_.binary,))


def _read_before(connection: sqlite3.Connection, wanted: Sequence[Before]) -> list[Linked | None]:
    """For each link the newest interaction before its place."""
    known: dict[bytes, Linked | None] = {}
    with transaction(connection, "DEFERRED"):
        return [_newest(connection, each, known) for each in wanted]


def _newest(connection: sqlite3.Connection, wanted: Before, known: dict[bytes, Linked | None]) -> Linked | None:
    rows = connection.execute(
        "SELECT id FROM links WHERE link = ? AND (timestamp, id) < (?, ?) ORDER BY timestamp DESC, id DESC",
        (wanted.link, *_key(wanted.place)),
    )
    for (id_,) in rows:
        # The first one, except for interactions that an earlier version stored without a thread.
        if (linked := _linked(connection, id_, known)) is not None:
            return linked
    return None


def _read_after(connection: sqlite3.Connection, wanted: Sequence[After]) -> list[Linked]:
    """The interactions that have one of the links after its place."""
    known: dict[bytes, Linked | None] = {}
    with transaction(connection, "DEFERRED"):
        for link, place, until, first_only in wanted:
            rows = connection.execute(
                "SELECT id FROM links WHERE link = ? AND (timestamp, id) > (?, ?) AND timestamp <= ?"
                " ORDER BY timestamp, id",
                (link, *_key(place), _LATEST if until is None else milliseconds(until)),
            )
            for (id_,) in rows:
                if _linked(connection, id_, known) is not None and first_only:
                    break
    return _oldest_first(known)


def _read_children(connection: sqlite3.Connection, ids: Sequence[ObjectId]) -> list[Linked]:
    """The interactions whose parent is one of these."""
    known: dict[bytes, Linked | None] = {}
    with transaction(connection, "DEFERRED"):
        for id_ in ids:
            for (child,) in connection.execute("SELECT id FROM interactions WHERE parent = ?", (id_.binary,)):
                _linked(connection, child, known)
    return _oldest_first(known)


def _read_in_threads(connection: sqlite3.Connection, threads: Sequence[ObjectId]) -> list[ObjectId]:
    """The ids of the interactions of these threads."""
    return [
        ObjectId(id_)
        for thread in threads
        for (id_,) in connection.execute("SELECT id FROM interactions WHERE thread = ?", (thread.binary,))
    ]


def _linked(connection: sqlite3.Connection, id_: bytes, known: dict[bytes, Linked | None]) -> Linked | None:
    if id_ not in known:
        row = connection.execute(
            "SELECT timestamp, outcome, document FROM interactions WHERE id = ?", (id_,)
        ).fetchone()
        thread = None if row is None else summary(row[2])["thread"]
        known[id_] = None if thread is None else Linked(ObjectId(id_), from_milliseconds(row[0]), thread, row[1])
    return known[id_]


def _oldest_first(known: Mapping[bytes, Linked | None]) -> list[Linked]:
    return sorted((each for each in known.values() if each is not None), key=lambda each: each.place)


def _move_all(connection: sqlite3.Connection, moves: Sequence[Move]) -> bool:
    """Change these threads in one transaction, up to the first that is no longer the old one."""
    with transaction(connection, "IMMEDIATE"):
        return all(_move(connection, each) for each in moves)


def _move(connection: sqlite3.Connection, each: Move) -> bool:
    row = connection.execute(
        "SELECT number, timestamp, document FROM interactions WHERE id = ?", (each.id.binary,)
    ).fetchone()
    if row is None or summary(row[2])["thread"] != each.old:
        return False
    number, timestamp, packed = row
    connection.execute(
        "UPDATE interactions SET thread = ?, parent = ?, document = ? WHERE number = ?",
        (
            each.new["id"].binary,
            each.new["parent"].binary if each.new["parent"] is not None else None,
            changed(packed, {"thread": each.new}),
            number,
        ),
    )
    if each.links is not None:
        delete_links(connection, each.id)
        insert_links(connection, Place(from_milliseconds(timestamp), each.id), each.links)
    make_due(connection, number)
    return True


def resolved(connection: sqlite3.Connection, where: Filter) -> Filter:
    """The filter with the current ids of its threads.

    The id of an interaction stands for its thread.
    """
    threads: dict[ObjectId, ObjectId] = {}
    for id_ in thread_ids(where):
        row = connection.execute(
            "SELECT thread FROM interactions WHERE id = ?1 AND thread IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM interactions WHERE thread = ?1)",
            (id_.binary,),
        ).fetchone()
        if row is not None:
            threads[id_] = ObjectId(row[0])
    return with_threads(where, threads) if threads else where


def _read_links(connection: sqlite3.Connection, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
    """The links of each of these interactions that has any."""
    found: dict[ObjectId, list[bytes]] = {}
    for id_ in ids:
        for (link,) in connection.execute("SELECT link FROM links WHERE id = ?", (id_.binary,)):
            found.setdefault(id_, []).append(link)
    return {id_: tuple(links) for id_, links in found.items()}


def _key(place: Place) -> tuple[int, bytes]:
    return milliseconds(place.timestamp), place.id.binary
