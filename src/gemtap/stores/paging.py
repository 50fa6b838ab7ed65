"""Shared by the lists of both stores: pages, cursors, and timestamps in milliseconds."""

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
    """Whole milliseconds since 1970 (UTC), rounded down, as dates are stored."""
    return (moment - _EPOCH) // _MILLISECOND


def milliseconds_up(moment: datetime) -> int:
    """Whole milliseconds since 1970 (UTC), rounded up: the first stored date at or after the moment."""
    return -((_EPOCH - moment) // _MILLISECOND)


def from_milliseconds(count: int) -> datetime:
    """The moment this number of milliseconds after 1970, in UTC."""
    return _EPOCH + count * _MILLISECOND


def page_of(items: Sequence[dict[str, Any]], limit: int) -> Page:
    """The first `limit` items as a page. An additional item means that there are more pages."""
    shown = list(items[:limit])
    if len(items) <= limit:
        return Page(shown, None)
    last = shown[-1]
    return Page(shown, Cursor(last["timestamp"], last["_id"]).encode())


class ThreadCursor(NamedTuple):
    """A position in a list of threads: the sort value of the last thread on a page."""

    sort: ThreadSort
    value: float
    """Milliseconds since 1970, or the number of turns, tokens or dollars. -1 if it is unknown."""
    id: ObjectId
    """Id of the thread, or of its latest interaction if the list is sorted by `latest`."""

    def encode(self) -> str:
        """The cursor as a URL-safe word."""
        place = [self.sort, self.value, str(self.id)]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, word: str, sort: ThreadSort) -> Self:
        """Parse a word of `encode` for a list with this order. Raises BadCursor for any other word."""
        try:
            its_sort, value, id_ = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            if its_sort != sort or not isinstance(value, int | float) or not -1 <= value < 2**63:
                raise ValueError(word)
            if sort == "latest":
                from_milliseconds(int(value))  # raises OverflowError for an impossible date
            return cls(sort, value, ObjectId(str(id_)))
        except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError, InvalidId) as exc:
            raise BadCursor("The cursor is not valid for this order. Start again without one.") from exc
