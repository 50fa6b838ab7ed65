"""Follows a store: yields interactions as they are recorded, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from gemtap.stores.base import Store
from gemtap.stores.place import just_before, place_of
from gemtap.stores.query.filter import Filter

_OVERLAP: Final = timedelta(seconds=10)
"""How far each look reaches back: what another recorder stamps now may be committed a little later."""

_BATCH: Final = 500


class Follower:
    """Yields what has been recorded since it was created, or since the last look."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since = datetime.now(UTC)
        self._seen: dict[ObjectId, datetime] | None = None

    async def start(self) -> None:
        """Count what is stored already as seen. Raises StoreUnavailable."""
        self._seen = {item["_id"]: item["recorded_at"] async for item in self._look()}

    def count_as_seen(self, item: dict[str, Any]) -> None:
        """Leave this item out of later looks."""
        assert self._seen is not None
        self._seen[item["_id"]] = item["recorded_at"]

    async def look(self) -> AsyncIterator[dict[str, Any]]:
        """New items, in the order in which they were recorded.

        If it raises StoreUnavailable nothing is missed: the next look begins where the last successful one did.
        """
        assert self._seen is not None
        async for item in self._look():
            if item["_id"] not in self._seen:
                yield item
            self._seen[item["_id"]] = item["recorded_at"]
        self._since = max([self._since, *self._seen.values()])
        self._seen = {id_: at for id_, at in self._seen.items() if at >= self._since - 2 * _OVERLAP}

    async def _look(self) -> AsyncIterator[dict[str, Any]]:
        after = just_before(self._since - _OVERLAP)
        while True:
            items = await self._store.list(Filter(), order="recorded", after=after, limit=_BATCH)
            for item in items:
                yield item
            if len(items) < _BATCH:
                return
            after = place_of(items[-1], "recorded")
