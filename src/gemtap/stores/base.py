"""The store's protocol: what the recorder writes to and what the dashboard, the CLI and the exporters read from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from bson import ObjectId

from gemtap.incident import Incident
from gemtap.interaction import Interaction, Outcome, Side
from gemtap.stores.facets import Facets
from gemtap.stores.limit_usage import LimitUsage
from gemtap.stores.links import LinkIndex
from gemtap.stores.maintenance import Maintenance
from gemtap.stores.place import Order, Place
from gemtap.stores.query.filter import Filter as Filter
from gemtap.stores.saved_searches import SavedSearches
from gemtap.stores.search_index import SearchIndex
from gemtap.stores.sorting import SortedPlace, SortKey
from gemtap.stores.statistics import Bucket, By, StatRow, ToolRow
from gemtap.stores.thread_list import ThreadPage, ThreadSort

QUERY_SECONDS: Final = 30
"""Seconds that a query may take: the recorder waits for the same store."""


class StoreError(Exception):
    """Any error of a store. The message says what happened and what to do."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or cannot store anything now. Retrying later helps."""


class QueryTooSlow(StoreError):
    """A query took more than `QUERY_SECONDS` and was cancelled."""

    def __init__(self) -> None:
        super().__init__(
            f"This query took more than {QUERY_SECONDS} s and was cancelled. Use a shorter time (since:7d), "
            "or rarer words."
        )


class IntervalTooFine(StoreError):
    """Statistics by the minute were requested for too long a period."""

    def __init__(self, longest: timedelta) -> None:
        hours = longest // timedelta(hours=1)
        super().__init__(f"Minutes are counted for at most {hours} hours. Add since:{hours}h, or choose hours.")


class RecordRejected(StoreError):
    """This record can never be stored, however often it is retried."""


class BadCursor(StoreError, ValueError):
    """The cursor was not made by this API."""


@dataclass(frozen=True, slots=True)
class Record:
    """One interaction to be stored, with the exact bytes of both bodies."""

    document: Interaction
    request_raw: bytes
    """The body as sent over the wire, without content-encoding; empty if there was none.

    For a WebSocket session, each side is a sequence of msgpack arrays `[microseconds, text or bytes]`, one per
    message, with microseconds since the request was received. `document` then holds another form of them.
    """
    response_raw: bytes
    """The same for the response; for a stream, with all frames."""
    accumulated: bool
    """Whether `document["response"]["body"]` was accumulated from a stream, so that it is no parse of `response_raw`.

    For a WebSocket session, the request's body is no parse of `request_raw` either.
    """
    links: tuple[bytes, ...] = ()
    """Hashes by which the other turns of its conversation find it, see `gemtap.stores.links`."""
    text: str | None = None
    """The text that searches look through, see `gemtap.recorder.searchable`; None if it is not known yet."""
    parsed: frozenset[Side] = frozenset()
    """The sides known to have a body that equals `parse_body` of its bytes."""
    request_cuts: Sequence[int] | None = None
    """`gemtap.dialects.cut_points` of `request_raw`, where they are known."""
    request_gives_back: bool | None = None
    """Whether serialising the request's value gives `request_raw`, where it is known."""


class StoredIncidents(Protocol):
    """The incidents of recording, which MongoDB has in the collection `gemtap_events`."""

    async def put(self, incidents: Sequence[Incident]) -> None:
        """Store incidents. An incident replaces the one with the same id."""
        ...

    async def newest(self, *, limit: int) -> Sequence[Incident]:
        """The latest incidents, newest first."""
        ...


class SharedValues(Protocol):
    """Small values that several Gemtaps with one database share, each with a version that every change raises."""

    async def read(self, name: str) -> tuple[int, Any] | None:
        """Version and value; None if there is none. A value is what JSON can be."""
        ...

    async def replace(self, name: str, version: int, value: Any) -> bool:
        """Replace the value that has this version, 0 for none; False if somebody else was faster."""
        ...

    async def publish(self, name: str, value: Any) -> None:
        """Set a value that only one Gemtap writes, whatever its version."""
        ...

    async def remove(self, name: str, version: int) -> None:
        """Delete the value that has this version."""
        ...

    async def beginning_with(self, prefix: str) -> Mapping[str, tuple[int, Any]]:
        """Version and value of each name that begins so."""
        ...


class Store(Protocol):
    """Where interactions are kept. Every method may raise StoreUnavailable.

    The members here read and write interactions. What only one part of Gemtap needs is grouped in `links` (threads of
    the recorder), `search_index` (the search backfill), `incidents`, `searches`, `limit_usage` and `maintenance`.
    Functions that follow from these members are outside: pages and batches in `stores.paging`, new interactions in
    `stores.following`, missing ones in `stores.presence`.
    """

    @property
    def description(self) -> str:
        """The store's address for people, without its password."""
        ...

    @property
    def stores_values(self) -> bool:
        """Whether `put` needs the value of a body that equals its parsed bytes. Else any value but None will do."""
        ...

    @property
    def links(self) -> LinkIndex:
        """The index that joins the turns of a conversation."""
        ...

    @property
    def search_index(self) -> SearchIndex:
        """The index of the words of interactions."""
        ...

    @property
    def incidents(self) -> StoredIncidents:
        """What happened to recording."""
        ...

    @property
    def shared(self) -> SharedValues | None:
        """What several Gemtaps share; None if the database is one Gemtap's own."""
        ...

    @property
    def searches(self) -> SavedSearches:
        """The searches that people saved."""
        ...

    @property
    def limit_usage(self) -> LimitUsage:
        """What interactions have reserved and used of limits."""
        ...

    @property
    def maintenance(self) -> Maintenance:
        """Size, garbage collection, integrity check and repair."""
        ...

    async def open(self) -> None:
        """Connect, and create or migrate what is needed. Commands that only read skip this."""
        ...

    async def close(self) -> None:
        """Close connections and files."""
        ...

    async def ping(self) -> None:
        """Return if the store answers."""
        ...

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """Store the records durably, and return the ids that the store had already.

        Storing an id again changes nothing, except that an interaction with any other outcome replaces one that was
        `interrupted`. Raises RecordRejected if one of the records can never be stored; the others may or may not be
        stored then, and putting them again is safe.
        """
        ...

    async def replace(self, records: Sequence[Record]) -> int:
        """Replace stored interactions by records with the same ids, each atomically; returns how many it replaced.

        Records whose ids are not stored are ignored. Searches no longer find the words of replaced interactions;
        `maintenance.reclaim` frees their bodies. Raises RecordRejected as `put` does.
        """
        ...

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set the annotations that are not None; False if there is no such interaction.

        An empty list of tags, an empty rating or an empty note removes the present one. Raises BadAnnotation, and
        changes nothing, if `stores.annotations` does not allow a value.
        """
        ...

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions with all their data, and return how many existed.

        SQLite does this in one transaction: delete many interactions in small batches.
        """
        ...

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, or None."""
        ...

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, as in `Record`, or None if there is no such interaction."""
        ...

    async def list(
        self, where: Filter, *, order: Order = "newest", after: Place | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents without bodies (see `interaction.summary`), in this order, from just after a place.

        Fewer than `limit` documents mean that no more match.
        """
        ...

    async def sorted_list(
        self, where: Filter, by: SortKey, *, after: SortedPlace | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents without bodies, by a number, greatest first, from just after a place.

        Raises NotSortable, see `stores.sorting`. Fewer than `limit` documents mean that no more match.
        """
        ...

    async def facets(self, where: Filter) -> Facets:
        """Values of some fields among the newest matches, with their numbers, see `stores.facets`."""
        ...

    def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every matching document, whole, oldest first.

        Holds a few megabytes of documents at a time, and no transaction or cursor while the caller works on one. A
        document that matches from beginning to end of the scan comes once. Documents stored meanwhile come if their
        place is still ahead, and before the newest match at the beginning: a scan ends however fast others write.
        """
        ...

    async def count(self, where: Filter) -> int:
        """Number of matching interactions."""
        ...

    async def statistics(
        self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None
    ) -> Sequence[StatRow]:
        """Statistics of the matching interactions, by period and by one of their fields.

        Sorted by bucket and then by number of requests, most first. Buckets without interactions have no row.
        Raises IntervalTooFine for minutes of a long period.
        """
        ...

    async def tools(self, where: Filter) -> Sequence[ToolRow]:
        """Statistics of the tools that the matching interactions use, the tool that was called most first."""
        ...

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """A page of the threads with a matching interaction. Sums cover whole threads.

        `latest` sorts by the newest matching interaction. `cursor` is the `next` of the previous page in the same
        order, else BadCursor.
        """
        ...


def replaces(new: Mapping[str, Any], old_outcome: str) -> bool:
    """Whether a document replaces the stored one with its id."""
    return old_outcome == Outcome.INTERRUPTED and new["outcome"] != Outcome.INTERRUPTED
