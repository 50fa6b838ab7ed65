"""Following warnings: each event of a limit or an unusual rate, once, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bson import ObjectId

from gemtap.incident import WARNINGS, Incident
from gemtap.stores.base import Store, StoreError

_LOOKED_AT: Final = 50
"""Number of the latest events among which new warnings are looked for."""


class WarningFollower:
    """Returns the warnings that were stored since the last look. The first look returns none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: set[ObjectId] | None = None

    async def look(self) -> Sequence[Incident]:
        """New warnings, oldest first; none while the store is away."""
        try:
            latest = await self._store.incidents.newest(limit=_LOOKED_AT)
        except StoreError:
            return ()
        known, self._seen = self._seen, {each["_id"] for each in latest}
        if known is None:
            return ()
        return [each for each in reversed(latest) if each["_id"] not in known and each["kind"] in WARNINGS]
