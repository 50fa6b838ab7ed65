"""Following a store: what is recorded, as it is recorded, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from gemtap.stores.base import Store

_OVERLAP: Final = timedelta(seconds=10)
"""How far each look reaches back: what another recorder stamps now may be committed a little later."""

_BATCH: Final = 500


class Follower:
    """Tells what has been recorded since it was made, or since it looked last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since = datetime.now(UTC)
        self._seen: dict[ObjectId, datetime] | None = None

    async def start(self) -> None:
        """Take what is there already as seen. Raises StoreUnavailable."""
        self._seen = {item["_id"]: item["recorded_at"] async for item in self._look()}

    def count_as_seen(self, item: dict[str, Any]) -> None:
        """Leave this one out of what is to come."""
        assert self._seen is not None
        self._seen[item["_id"]] = item["recorded_at"]

    async def look(self) -> AsyncIterator[dict[str, Any]]:
        """What is new, in the order in which it was recorded.

        Raises StoreUnavailable; nothing is missed then, for the next look begins where the last that succeeded did.
        """
        assert self._seen is not None
        async for item in self._look():
            if item["_id"] not in self._seen:
                yield item
            self._seen[item["_id"]] = item["recorded_at"]
        self._since = max([self._since, *self._seen.values()])
        self._seen = {id_: at for id_, at in self._seen.items() if at >= self._since - 2 * _OVERLAP}

    async def _look(self) -> AsyncIterator[dict[str, Any]]:
        """What was recorded since, in order; some of it twice where it is long."""
        limit, moment = _BATCH, self._since - _OVERLAP
        while True:
            items = await self._store.recorded_since(moment, limit=limit)
            for item in items:
                yield item
            if len(items) < limit:
                return
            if items[-1]["recorded_at"] == moment:
                limit *= 2  # so many at the same millisecond
            moment = items[-1]["recorded_at"]
