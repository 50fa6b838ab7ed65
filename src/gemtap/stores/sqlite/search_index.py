"""The full-text index: written here, read by `searching`.

Each interaction has a place: the half hour of its request and a number within that. FTS5 returns matches in the order
of places, ascending or descending, so that a search streams its results in the order of time. Finer places would need
more space: FTS5 stores the distance to the next place with each word, and most places are neighbours.

Besides its words, an interaction has marks: words that no text can have, one for each of its values that lists filter
by. So the index also finds a frequent word together with a rare value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from gemtap.stores.query.words import words_of
from gemtap.stores.sqlite.conditions import COLUMNS
from gemtap.stores.sqlite.connections import transaction
from gemtap.stores.sqlite.rows import SqlValue

_HALF_HOUR_BITS: Final = 11
"""It has 2,048 seconds."""

NUMBER_BITS: Final = 22
"""Bits of the number within a half hour: enough for 2,000 interactions a second."""

PART_BITS: Final = NUMBER_BITS + 11
"""Number of bits of a place below those of its part."""

MARKED: Final = ("operation", "model", "outcome", "status", "error", "finish_reason", "client", "key", "user", "thread")
"""The fields with marks: some of their values are rare. A row is due again if its thread changes."""

_ORDINARY: Final = frozenset({"complete", 200, 0, "STOP", "stop", "generateContent", "streamGenerateContent"})
"""Values without a mark, since most interactions have them."""

_WORTH_TIDYING: Final = 1_000
"""Minimum number of deleted interactions for which the rest of a part is indexed again."""

_MARK: Final = "\ue000"
"""First character of a mark: one for private use, which is no letter."""

EVERYTHING: Final = _MARK + "every"
"""The mark of every interaction."""

ROW: Final = ", ".join(("number", "timestamp", "document", *(COLUMNS[field] for field in MARKED)))
"""The columns that `SearchWriter` needs."""


def mark(field: str, value: SqlValue) -> str | None:
    """The mark of a value, or None. Two values may, very rarely, have the same mark: the row decides."""
    if value is None or value in _ORDINARY:
        return None
    # A flag is True before it is stored and 1 afterwards.
    text = value.hex() if isinstance(value, bytes) else str(int(value) if isinstance(value, bool) else value)
    return _MARK + blake2b(f"{field}={text}".encode("utf-8", "replace"), digest_size=6).hexdigest()


def first_place(milliseconds: int) -> int:
    """The first place of the half hour of a moment since 1970."""
    return milliseconds // 1000 >> _HALF_HOUR_BITS << NUMBER_BITS


def last_place(milliseconds: int) -> int:
    """The last place of that half hour."""
    return first_place(milliseconds) + (1 << NUMBER_BITS) - 1


def table_of(part: int) -> str:
    """The FTS5 table of a part, quoted."""
    return f'"search_{part}"'


def read_parts(connection: sqlite3.Connection) -> list[int]:
    """The existing parts, oldest first."""
    return [part for (part,) in connection.execute("SELECT part FROM search_parts ORDER BY part")]


def make_due(connection: sqlite3.Connection, number: int) -> None:
    """Mark a row as due for indexing. Call within a transaction."""
    connection.execute("INSERT OR IGNORE INTO search_due VALUES (?)", (number,))


class SearchWriter:
    """Indexes texts within one transaction. Searches find them once `finish` was called.

    FTS5 writes out what it has in memory whenever a statement on another table may have to be undone. The words of a
    whole transaction, written one after another at its end, become one segment of the index, not one for each text.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._next: dict[int, int] = {}
        """The next free place by the first place of a half hour."""
        self._words: dict[int, list[tuple[int, str]]] = {}
        """Places and their words, by part."""

    def add(self, number: int, row: Mapping[str, Any], text: str) -> None:
        """Index the text of a row, which is not in the index."""
        place = self._take_place(row["timestamp"])
        if place is None:
            return
        self._connection.execute("INSERT INTO search_places VALUES (?, ?)", (place, number))
        words = " ".join([*words_of(text), EVERYTHING, *_marks(row)])
        self._words.setdefault(place >> PART_BITS, []).append((place, words))

    def replace(self, number: int, row: Mapping[str, Any], text: str) -> None:
        """Index the text of a row, which may be in the index with another text."""
        _leave_place(self._connection, number)
        self.add(number, row, text)

    def finish(self) -> None:
        """Write the words."""
        for part, words in self._words.items():
            self._connection.execute("UPDATE search_parts SET places = places + ? WHERE part = ?", (len(words), part))
        for part, words in self._words.items():
            # FTS5 also writes out what it has if the places do not ascend.
            self._connection.executemany(
                f"INSERT INTO {table_of(part)} (rowid, text) VALUES (?, ?)",  # noqa: S608 - our own name
                sorted(words),
            )

    def _take_place(self, milliseconds: int) -> int | None:
        """A free place, or None after four million interactions in half an hour: searches do not find more."""
        first, last = first_place(milliseconds), last_place(milliseconds)
        place = self._next.get(first)
        if place is None:
            (taken,) = self._connection.execute(
                "SELECT max(place) FROM search_places WHERE place BETWEEN ? AND ?", (first, last)
            ).fetchone()
            place = first if taken is None else taken + 1
            _create_part(self._connection, first >> PART_BITS)
        if place > last:
            return None
        self._next[first] = place + 1
        return place


def _create_part(connection: sqlite3.Connection, part: int) -> None:
    if connection.execute("INSERT OR IGNORE INTO search_parts (part) VALUES (?)", (part,)).rowcount:
        # The tokenizer `ascii` splits at the spaces between our words.
        connection.execute(
            f"CREATE VIRTUAL TABLE {table_of(part)} USING fts5(text, content='', columnsize=0, tokenize='ascii')"
        )


def _leave_place(connection: sqlite3.Connection, number: int) -> None:
    left = connection.execute(
        "UPDATE search_places SET interaction = NULL WHERE interaction = ? RETURNING place", (number,)
    ).fetchall()
    for (place,) in left:
        connection.execute("UPDATE search_parts SET deleted = deleted + 1 WHERE part = ?", (place >> PART_BITS,))


def _marks(row: Mapping[str, Any]) -> Iterator[str]:
    return filter(None, (mark(field, row[COLUMNS[field]]) for field in MARKED))


def tidy(connection: sqlite3.Connection) -> None:
    """Drop the parts whose interactions are mostly deleted. The rest of them are due again."""
    mostly_deleted = connection.execute(
        "SELECT part FROM search_parts WHERE deleted = places OR (2 * deleted > places AND deleted >= ?)",
        (_WORTH_TIDYING,),
    ).fetchall()
    for (part,) in mostly_deleted:
        with transaction(connection, "IMMEDIATE"):
            _drop(connection, part)


def drop_part_of(connection: sqlite3.Connection, milliseconds: int) -> None:
    """Drop the part of a time in milliseconds. Its interactions are due again. Call within a transaction."""
    _drop(connection, first_place(milliseconds) >> PART_BITS)


def _drop(connection: sqlite3.Connection, part: int) -> None:
    places = (part << PART_BITS, ((part + 1) << PART_BITS) - 1)
    if not connection.execute("DELETE FROM search_parts WHERE part = ?", (part,)).rowcount:
        return  # another process has done it
    connection.execute(
        "INSERT OR IGNORE INTO search_due SELECT interaction FROM search_places "
        "WHERE place BETWEEN ? AND ? AND interaction IS NOT NULL",
        places,
    )
    connection.execute("DELETE FROM search_places WHERE place BETWEEN ? AND ?", places)
    connection.execute(f"DROP TABLE {table_of(part)}")
