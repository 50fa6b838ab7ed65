"""Finds the interactions that are the last turns of their conversations: each holds all earlier messages.

The thread decides, if the recorder found one. Without a thread, an interaction is not a last turn if the prompt of a
later one contains it. A temporary SQLite file holds the state, since there may be millions of interactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Self

from bson import ObjectId

from gemtap.conversation import Conversation
from gemtap.conversation.canonical import chain, pieces


class LastTurns:
    """Collects the last turns of the interactions that it is offered, newest first."""

    def __init__(self) -> None:
        self._kept = sqlite3.connect("")
        self._kept.execute("CREATE TABLE chosen (number INTEGER PRIMARY KEY, id BLOB)")
        self._kept.execute("CREATE TABLE known (what BLOB PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def offer_turn(self, summary: Mapping[str, Any]) -> bool:
        """Accept an interaction of a thread, unless a later turn of the thread was accepted."""
        return self._take(summary["_id"], summary["thread"]["id"].binary, ())

    def offer(self, id_: ObjectId, conversation: Conversation) -> bool:
        """Accept an interaction without a thread, unless an accepted one continues it."""
        *before, whole = _said_up_to(conversation)
        return self._take(id_, whole, before)

    def _take(self, id_: ObjectId, what: bytes, before: list[bytes] | tuple[()]) -> bool:
        known = self._kept.execute("SELECT 1 FROM known WHERE what = ?", (what,)).fetchone()
        if known is not None:
            return False
        self._kept.execute("INSERT INTO chosen (id) VALUES (?)", (id_.binary,))
        self._kept.executemany("INSERT OR IGNORE INTO known VALUES (?)", ((each,) for each in (what, *before)))
        return True

    def oldest_first(self) -> Iterator[ObjectId]:
        """The accepted interactions."""
        # One at a time: an open cursor would lock the file.
        number = 2**63 - 1
        query = "SELECT number, id FROM chosen WHERE number < ? ORDER BY number DESC LIMIT 1"
        while (found := self._kept.execute(query, (number,)).fetchone()) is not None:
            number, id_ = found
            yield ObjectId(id_)


def _said_up_to(conversation: Conversation) -> list[bytes]:
    """A hash of the conversation up to the end of each message. The last hash covers the whole conversation."""
    return chain(pieces(conversation.messages)) or [b""]
