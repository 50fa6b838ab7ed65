"""Links: the hashes by which later turns of a conversation find an earlier one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from bson import ObjectId


def insert_links(connection: sqlite3.Connection, id_: ObjectId, links: Iterable[bytes]) -> None:
    """Within a transaction of the caller's."""
    connection.executemany("INSERT OR IGNORE INTO links VALUES (?, ?)", [(link, id_.binary) for link in links])


def delete_links(connection: sqlite3.Connection, id_: ObjectId) -> None:
    """Within a transaction of the caller's."""
    connection.execute("DELETE FROM links WHERE id = ?", (id_.binary,))


def read_linked(connection: sqlite3.Connection, links: Sequence[bytes]) -> dict[bytes, ObjectId]:
    """For each link that there is, the newest interaction that has it: ids begin with the time."""
    places = ", ".join("?" * len(links))
    found = connection.execute(
        f"SELECT link, max(id) FROM links WHERE link IN ({places}) GROUP BY link",  # noqa: S608 - question marks
        list(links),
    )
    return {link: ObjectId(id_) for link, id_ in found}


def read_links_of(connection: sqlite3.Connection, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
    """The links of each of these interactions that has any."""
    found: dict[ObjectId, list[bytes]] = {}
    for id_ in ids:
        for (link,) in connection.execute("SELECT link FROM links WHERE id = ?", (id_.binary,)):
            found.setdefault(id_, []).append(link)
    return {id_: tuple(links) for id_, links in found.items()}
