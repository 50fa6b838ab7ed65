"""Pages, batches and cursors of lists, and timestamps in milliseconds."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Self

from bson import ObjectId
from bson.errors import InvalidId

from gemtap.stores.base import BadCursor, Store
from gemtap.stores.place import Order, Place, place_of
from gemtap.stores.query.filter import Filter
from gemtap.stores.sorting import ListSort, SortedPlace, SortKey, sorted_place_of
from gemtap.stores.thread_list import ThreadSort

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_MALFORMED: Final = (binascii.Error, ValueError, TypeError, OverflowError, RecursionError, InvalidId)
"""What decoding an invalid cursor raises."""


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 (UTC), rounded down, as dates are stored."""
    return (moment - _EPOCH) // _MILLISECOND


def milliseconds_up(moment: datetime) -> int:
    """Whole milliseconds since 1970 (UTC), rounded up: the first stored date at or after the moment."""
    return -((_EPOCH - moment) // _MILLISECOND)


def from_milliseconds(count: int) -> datetime:
    """The moment this number of milliseconds after 1970, in UTC."""
    return _EPOCH + count * _MILLISECOND


class Page(NamedTuple):
    """One page of a list, newest first: documents without bodies, and the cursor of the next page if there is one."""

    items: Sequence[dict[str, Any]]
    next: str | None


async def page_of(
    store: Store, where: Filter, *, limit: int, cursor: str | None = None, sort: ListSort = "newest"
) -> Page:
    """A page of the matching interactions in this order. `cursor` is the `next` of the previous page.

    Raises BadCursor for any other cursor, and NotSortable.
    """
    # An additional item means that there is another page.
    if sort == "newest" or sort == "oldest":
        after = None if cursor is None else decode_cursor(cursor)
        items = await store.list(where, order=sort, after=after, limit=limit + 1)
        return Page(items[:limit], encode_cursor(place_of(items[limit - 1])) if len(items) > limit else None)
    last = None if cursor is None else _decode_sorted(cursor, sort)
    items = await store.sorted_list(where, sort, after=last, limit=limit + 1)
    return Page(items[:limit], _encode_sorted(sort, items[limit - 1]) if len(items) > limit else None)


async def batches(
    store: Store, where: Filter, *, order: Order = "oldest", size: int
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """All matching documents, without bodies, in batches. Documents stored meanwhile come if their place is ahead."""
    after: Place | None = None
    while batch := await store.list(where, order=order, after=after, limit=size):
        yield batch
        after = place_of(batch[-1], order)


def encode_cursor(place: Place) -> str:
    """The place as a URL-safe word."""
    return _encode([round(place.timestamp.timestamp() * 1000), str(place.id)])


def decode_cursor(word: str) -> Place:
    """The place that `encode_cursor` turned into this word. Raises BadCursor for any other word."""
    try:
        milliseconds, id_ = _decode(word)
        return Place(datetime.fromtimestamp(milliseconds / 1000, UTC), ObjectId(str(id_)))
    except (*_MALFORMED, OSError) as exc:
        raise BadCursor("The cursor is not valid. Start again without one.") from exc


def _encode_sorted(sort: SortKey, last: Mapping[str, Any]) -> str:
    """The cursor of the page after this document."""
    value, place = sorted_place_of(last, sort)
    return _encode([sort, value, milliseconds(place.timestamp), str(place.id)])


def _decode_sorted(word: str, sort: SortKey) -> SortedPlace:
    try:
        its_sort, value, moment, id_ = _decode(word)
        if its_sort != sort or not isinstance(value, int | float) or not -(2**63) <= value < 2**63:
            raise ValueError(word)
        return SortedPlace(value, Place(from_milliseconds(int(moment)), ObjectId(str(id_))))
    except _MALFORMED as exc:
        raise BadCursor("The cursor is not valid for this order. Start again without one.") from exc


class ThreadCursor(NamedTuple):
    """A position in a list of threads: the sort value of the last thread on a page."""

    sort: ThreadSort
    value: float
    """Milliseconds since 1970, or the number of turns, tokens or dollars. -1 if it is unknown."""
    id: ObjectId
    """Id of the thread, or of its latest interaction if the list is sorted by `latest`."""

    def encode(self) -> str:
        """The cursor as a URL-safe word."""
        return _encode([self.sort, self.value, str(self.id)])

    @classmethod
    def decode(cls, word: str, sort: ThreadSort) -> Self:
        """Parse a word of `encode` for a list with this order. Raises BadCursor for any other word."""
        try:
            its_sort, value, id_ = _decode(word)
            if its_sort != sort or not isinstance(value, int | float) or not -1 <= value < 2**63:
                raise ValueError(word)
            if sort == "latest":
                from_milliseconds(int(value))  # raises OverflowError for an impossible date
            return cls(sort, value, ObjectId(str(id_)))
        except _MALFORMED as exc:
            raise BadCursor("The cursor is not valid for this order. Start again without one.") from exc


def _encode(parts: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode("ascii").rstrip("=")


def _decode(word: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
