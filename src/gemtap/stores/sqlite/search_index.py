"""The index of words: written here, read by `searching`.

Each interaction has a place: the second in which its request was received, and a number within that second. FTS5 gives
what it finds in the order of places, either way, and so a search is a list in the order of time from its first row on.

Beside its words an interaction has marks: words that no text can have, one for each of its values that lists are
filtered by. A frequent word together with a rare value is then found by the index as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from bson import ObjectId

from gemtap.stores.sqlite.conditions import COLUMNS
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.rows import SqlValue
from gemtap.stores.words import words_of

NUMBER_BITS: Final = 16
"""Of a place: more interactions in one second than any tap takes."""

PART_BITS: Final = NUMBER_BITS + 22
"""The bits of a place below those that say which part it is in."""

MARKED: Final = (
    *("provider", "operation", "model", "model_version", "outcome", "status", "error", "finish_reason"),
    *("client", "key", "user", "thread"),
)
"""The fields whose values are marks: they never change."""

_WORTH_TIDYING: Final = 1_000
"""Deleted interactions of a part, at least, for which what is left of it is made anew."""

_MARK: Final = "\ue000"
"""What marks begin with: a character for private use is no letter."""

EVERYTHING: Final = _MARK + "every"
"""The mark that every interaction has."""

_ROW: Final = ", ".join(("number", "timestamp", *(COLUMNS[field] for field in MARKED)))


def mark(field: str, value: SqlValue) -> str:
    """The mark of a value. Others may have the same, though hardly ever: the row decides."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return _MARK + blake2b(f"{field}={text}".encode("utf-8", "replace"), digest_size=6).hexdigest()


def place_of_second(second: int) -> int:
    """The first place of a second, counted from 1970."""
    return second << NUMBER_BITS


def table_of(part: int) -> str:
    """The FTS5 table of a part, quoted."""
    return f'"search_{part}"'


def read_parts(connection: sqlite3.Connection) -> list[int]:
    """The parts that there are, oldest first."""
    return [part for (part,) in connection.execute("SELECT part FROM search_parts ORDER BY part")]


def make_due(connection: sqlite3.Connection, number: int) -> None:
    """Have a row's text asked for. Within a transaction of the caller's."""
    connection.execute("INSERT OR IGNORE INTO search_due VALUES (?)", (number,))


def index(connection: sqlite3.Connection, number: int, row: Mapping[str, Any], text: str) -> None:
    """Make a row found by the words of a text. Within a transaction of the caller's."""
    connection.execute("UPDATE search_places SET interaction = NULL WHERE interaction = ?", (number,))
    place = _free_place(connection, row["timestamp"] // 1000)
    if place is None:
        return
    part = place >> PART_BITS
    if connection.execute("INSERT OR IGNORE INTO search_parts VALUES (?)", (part,)).rowcount:
        # `ascii` splits at what is neither a letter nor a digit in ASCII: at the spaces that are put here.
        connection.execute(
            f"CREATE VIRTUAL TABLE {table_of(part)} USING fts5(text, content='', columnsize=0, tokenize='ascii')"
        )
    connection.execute("INSERT INTO search_places VALUES (?, ?)", (place, number))
    words = " ".join([*words_of(text), EVERYTHING, *_marks(row)])
    connection.execute(f"INSERT INTO {table_of(part)} (rowid, text) VALUES (?, ?)", (place, words))  # noqa: S608


def _free_place(connection: sqlite3.Connection, second: int) -> int | None:
    """None where there is none: of 65,536 interactions in one second the last are found by no word."""
    first, after = place_of_second(second), place_of_second(second + 1)
    (last,) = connection.execute(
        "SELECT max(place) FROM search_places WHERE place >= ? AND place < ?", (first, after)
    ).fetchone()
    if last is None:
        return first
    return last + 1 if last + 1 < after else None


def _marks(row: Mapping[str, Any]) -> Iterator[str]:
    for field in MARKED:
        value = row[COLUMNS[field]]
        if field == "error":
            value = 1 if value else None  # nobody looks for the many that went well
        if value is not None:
            yield mark(field, value)


def index_texts(connection: sqlite3.Connection, texts: Mapping[ObjectId, str]) -> None:
    """Make the rows that are due found by these texts."""
    with transaction(connection, "IMMEDIATE"):
        for id_, text in texts.items():
            cursor = connection.execute(
                f"SELECT {_ROW} FROM interactions JOIN search_due ON interaction = number WHERE id = ?",  # noqa: S608
                (id_.binary,),
            )
            values = cursor.fetchone()
            if values is None:
                continue
            row = dict(zip((name for name, *_ in cursor.description), values, strict=True))
            index(connection, row["number"], row, text)
            connection.execute("DELETE FROM search_due WHERE interaction = ?", (row["number"],))


def tidy(connection: sqlite3.Connection) -> None:
    """Drop the parts that are mostly of what was deleted. What is left of them is due once more."""
    for part in read_parts(connection):
        _tidy(connection, part)


def _tidy(connection: sqlite3.Connection, part: int) -> None:
    bounds = (part << PART_BITS, ((part + 1) << PART_BITS) - 1)
    with transaction(connection, "IMMEDIATE"):
        places, alive = connection.execute(
            "SELECT count(*), count(interaction) FROM search_places WHERE place BETWEEN ? AND ?", bounds
        ).fetchone()
        deleted = places - alive
        if alive and (deleted < alive or deleted < _WORTH_TIDYING):
            return
        connection.execute(
            "INSERT OR IGNORE INTO search_due SELECT interaction FROM search_places "
            "WHERE place BETWEEN ? AND ? AND interaction IS NOT NULL",
            bounds,
        )
        connection.execute("DELETE FROM search_places WHERE place BETWEEN ? AND ?", bounds)
        connection.execute("DELETE FROM search_parts WHERE part = ?", (part,))
        connection.execute(f"DROP TABLE {table_of(part)}")
