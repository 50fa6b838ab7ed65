"""What both stores share about lists: where a page ends, and moments to the millisecond."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Self

from bson import ObjectId
from bson.errors import InvalidId

from gemtap.stores.base import BadCursor, Cursor, Page
from gemtap.stores.thread_list import ThreadSort

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 (UTC), rounded down: what a stored date amounts to."""
    return (moment - _EPOCH) // _MILLISECOND


def milliseconds_up(moment: datetime) -> int:
    """The same, rounded up: of stored dates, those at or after the moment are those at or after this."""
    return -((_EPOCH - moment) // _MILLISECOND)


def from_milliseconds(count: int) -> datetime:
    """The moment so many milliseconds after 1970, in UTC."""
    return _EPOCH + count * _MILLISECOND


def page_of(items: Sequence[dict[str, Any]], limit: int) -> Page:
    """The page that begins a list of which up to `limit + 1` items are at hand: the one too many says there is more."""
    shown = list(items[:limit])
    if len(items) <= limit:
        return Page(shown, None)
    last = shown[-1]
    return Page(shown, Cursor(last["timestamp"], last["_id"]).encode())


class ThreadCursor(NamedTuple):
    """A place in a list of threads: what the last one of a page is sorted by."""

    sort: ThreadSort
    value: float
    """Milliseconds since 1970, or turns, tokens, dollars; -1 where that is not known."""
    id: ObjectId
    """Of the thread; in the order of the latest, of the interaction that is its latest."""

    def encode(self) -> str:
        """The cursor as one URL-safe word."""
        place = [self.sort, self.value, str(self.id)]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, word: str, sort: ThreadSort) -> Self:
        """The cursor of a word that `encode` made for a list in this order; raises BadCursor for any other."""
        try:
            its_sort, value, id_ = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            if its_sort != sort or not isinstance(value, int | float) or not -1 <= value < 2**63:
                raise ValueError(word)
            if sort == "latest":
                from_milliseconds(int(value))  # a time that there is
            return cls(sort, value, ObjectId(str(id_)))
        except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError, InvalidId) as exc:
            raise BadCursor("The cursor is not valid for this order. Start again without one.") from exc
