"""What both stores share about lists: where a page ends, and moments to the millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gemtap.stores.base import Cursor, Page

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
