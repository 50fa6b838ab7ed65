"""The store's protocol: what the recorder writes to and what the dashboard, the CLI and the exporters read from."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, Self

from bson import ObjectId
from bson.errors import InvalidId

from gemtap.incident import Incident
from gemtap.interaction import Interaction, Outcome, Side, Thread
from gemtap.stores.links import After, Before, Linked, Move
from gemtap.stores.query.filter import Filter as Filter
from gemtap.stores.statistics import Bucket, By, StatRow
from gemtap.stores.thread_list import ThreadPage, ThreadSort

QUERY_SECONDS: Final = 30
"""Seconds that a query may take: the recorder waits for the same store."""


class StoreError(Exception):
    """What a store may raise. The message says what happened and what to do."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or cannot take anything now. Trying again later helps."""


class QueryTooSlow(StoreError):
    """A query took more than `QUERY_SECONDS` and was ended."""

    def __init__(self) -> None:
        super().__init__(
            f"This query takes more than {QUERY_SECONDS} s, and was ended. Ask about a shorter time (since:7d), or for "
            "rarer words."
        )


class RecordRejected(StoreError):
    """This one record can never be stored, however often it is tried."""


class BadCursor(StoreError, ValueError):
    """The cursor is not one that this API gave out."""


@dataclass(frozen=True, slots=True)
class Record:
    """One interaction on its way into a store, with the exact bytes of both bodies."""

    document: Interaction
    request_raw: bytes
    """As they went over the wire, content-encoding undone; empty where there was no body.

    Of a WebSocket session each side is a sequence of msgpack arrays `[microseconds, text or bytes]`, a message each;
    the microseconds count from when the request was received. `document` then holds another form of them.
    """
    response_raw: bytes
    """The same; of a stream every frame as it came."""
    accumulated: bool
    """Whether `document["response"]["body"]` was accumulated from a stream, and so is no parse of `response_raw`.

    Of a WebSocket session the request's body is no parse of `request_raw` either.
    """
    links: tuple[bytes, ...] = ()
    """Hashes by which the other turns of its conversation find it, see `gemtap.stores.links`."""
    text: str | None = None
    """What searches for words go through, see `gemtap.recorder.searchable`; None where that is yet to be told."""
    parsed: frozenset[Side] = frozenset()
    """The sides whose body is what `parse_body` makes of its bytes, as far as that is known without parsing again."""


class Searchable(NamedTuple):
    """The search text of one interaction, and the fields that it was made of and that may have changed since."""

    id: ObjectId
    text: str
    note: str | None
    thread: Thread | None


class Space(NamedTuple):
    """What a store takes up on the disk, in bytes."""

    used: int
    """By what is in it."""
    free: int
    """Room within its files that is not in use: what has been deleted since they grew."""
    content: int
    """What is in it as it stands now, to compare with itself later: `used` may follow minutes behind."""


class Progress(NamedTuple):
    """How far something is that takes long."""

    done: int
    of: int


class Cursor(NamedTuple):
    """A place in the list, which is sorted by (`timestamp`, `_id`), newest first: the last item of a page."""

    timestamp: datetime
    id: ObjectId

    def encode(self) -> str:
        """The cursor as one URL-safe word."""
        place = [round(self.timestamp.timestamp() * 1000), str(self.id)]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, word: str) -> Self:
        """The cursor of a word that `encode` made; raises BadCursor for any other."""
        try:
            milliseconds, id_ = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            return cls(datetime.fromtimestamp(milliseconds / 1000, UTC), ObjectId(str(id_)))
        except (binascii.Error, ValueError, TypeError, OverflowError, OSError, RecursionError, InvalidId) as exc:
            raise BadCursor("The cursor is not valid. Start again without one.") from exc


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a store that is not as it was put there."""

    id: ObjectId | None
    """The interaction that it concerns; None where that cannot be told."""
    what: str
    """For people: what is wrong, and what that costs."""


class Page(NamedTuple):
    """One page of a list: documents without their bodies (see `interaction.summary`), and where the next begins."""

    items: list[dict[str, Any]]
    next: str | None


class Store(Protocol):
    """Where interactions are kept. Every method may raise StoreUnavailable."""

    @property
    def description(self) -> str:
        """The store's address for people, without its password."""
        ...

    async def open(self) -> None:
        """Connect, and create or migrate what is needed."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """Store the records, all of them durably before this returns, and return the ids that were there before.

        Storing an id twice is storing it once, but for this: a record with any other outcome takes the place
        of an `interrupted` one. RecordRejected says that one of the records can never be stored; which others
        were is then open, and putting them again is right.
        """
        ...

    async def replace(self, records: Sequence[Record]) -> int:
        """Store the records in place of those with the same ids, each atomically; returns how many there were.

        A record whose id is not there is left out. Words of the replaced ones are no longer found, and no longer
        stored; their bodies are freed by `reclaim`. Raises RecordRejected as `put` does.
        """
        ...

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, or None."""
        ...

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, as `Record` has them, or None where there is no such interaction."""
        ...

    async def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        """A page of the list, newest first. `cursor` is the `next` of the page before; else BadCursor."""
        ...

    async def recorded_since(self, moment: datetime, *, limit: int) -> list[dict[str, Any]]:
        """Documents without bodies that were recorded at or after the moment, by (`recorded_at`, `_id`) ascending."""
        ...

    def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every whole document that matches, by (`timestamp`, `_id`) ascending, however many there are.

        A few megabytes of them are in memory at a time, and no transaction or cursor stays open while the caller is
        busy with one. What was there when the scan began, and is neither deleted nor changed so that it no longer
        matches, comes once. What is stored meanwhile comes too where its place is not past: before the last one that
        was there at the beginning, so that a scan comes to its end however fast others write.
        """
        ...

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set what is given and leave the rest as it is; False where there is no such interaction.

        No tags, an empty rating and an empty note take away what was there. Raises BadAnnotation, and changes
        nothing, for what `stores.annotations` does not allow.
        """
        ...

    async def linked(self, wanted: Sequence[Before]) -> list[Linked | None]:
        """For each wanted link the newest interaction before the place that has it and a thread, or None.

        What was stored before this is called is seen, even if another process stored it.
        """
        ...

    async def linked_after(self, wanted: Sequence[After]) -> list[Linked]:
        """The interactions with a thread that have one of the links after its place, each once, oldest first.

        What was stored before this is called is seen, even if another process stored it.
        """
        ...

    async def children(self, ids: Sequence[ObjectId]) -> list[Linked]:
        """The interactions whose `thread.parent` is one of these, oldest first."""
        ...

    async def move(self, moves: Sequence[Move]) -> bool:
        """Change threads one after the other, and return whether each still had its old thread.

        Stops at the first one that does not. Moved interactions are unsearchable until their text is made again.
        """
        ...

    async def links_of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[bytes, ...]]:
        """The links that each of these interactions was stored with, in no particular order; none, no entry."""
        ...

    async def oldest(self, where: Filter, *, limit: int, after: Cursor | None = None) -> list[dict[str, Any]]:
        """Documents without bodies by (`timestamp`, `_id`) ascending, from just after a place on."""
        ...

    async def count(self, where: Filter) -> int:
        """How many interactions match."""
        ...

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions with all that belongs to them, and say how many there were.

        In one short transaction where the store has any: whoever deletes many does it in small batches.
        """
        ...

    async def space(self, *, settled: bool = False) -> Space:
        """What the store takes up on the disk; `settled`, once what was deleted until now is counted as free."""
        ...

    def reclaim(self) -> AsyncIterator[Progress]:
        """Free what deleted interactions have left behind, and give it back to the disk as far as the store can.

        In small steps beside recording: who stops asking for more loses nothing but what is not freed yet.
        """
        ...

    async def statistics(self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None) -> list[StatRow]:
        """What is told of the interactions that match, by time and by one of their fields.

        Sorted by bucket, and within one by requests, most first. Buckets in which nothing began have no row.
        """
        ...

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """A page of the threads of which an interaction matches, each counted whole.

        `latest` goes by the newest interaction that matches. `cursor` is the `next` of the page before, in the same
        order; else BadCursor.
        """

    async def unsearchable(self, *, limit: int) -> list[Interaction]:
        """Up to so many whole documents that were stored without their text, or whose note or thread changed since.

        Those come first that were stored last.

        A few megabytes of them at a time: fewer than there are does not mean that these are all.
        """
        ...

    async def make_searchable(self, texts: Iterable[Searchable]) -> None:
        """Let searches for words find interactions by these texts.

        What is deleted by now, has another note or thread by now, or is not unsearchable any more, is left as it is.
        """
        ...

    async def tidy_search(self) -> None:
        """Give back what deleted interactions have left behind where searches for words look."""
        ...

    async def put_incidents(self, incidents: Sequence[Incident]) -> None:
        """Store what happened to recording, in `gemtap_events`. One whose id is there already takes its place."""
        ...

    async def incidents(self, *, limit: int) -> list[Incident]:
        """What happened to recording, newest first."""
        ...

    def check(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Read everything that is stored, and give what is missing or not as it was stored.

        It goes on beside recording, in short reads; nothing is changed. `looked_at` is told of how many interactions
        were read since it was told last.
        """
        ...

    def repair(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Mend what can be mended, move damage aside, and give what is lost. Nothing is deleted.

        Afterwards the store works as if the damage had never been stored: `check` finds nothing, and maintenance that
        had stopped at the damage goes on. In MongoDB damaged bodies stay where they are: they affect nothing else.
        `looked_at` is called with the number of interactions that were read since the last call.
        """
        ...

    async def ping(self) -> None:
        """Return if the store answers."""
        ...


def replaces(new: Mapping[str, Any], old_outcome: str) -> bool:
    """Whether a record takes the place of the one that is stored under its id."""
    return old_outcome == Outcome.INTERRUPTED and new["outcome"] != Outcome.INTERRUPTED
