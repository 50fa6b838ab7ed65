"""Incidents of recording, in a collection of their own."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ReplaceOne

from gemtap.incident import Incident
from gemtap.stores.mongo.collections import Collections
from gemtap.stores.mongo.errors import translated


class MongoIncidents:
    """See `gemtap.stores.base.StoredIncidents`."""

    def __init__(self, collections: Collections, description: str) -> None:
        self._collections = collections
        self._description = description

    async def put(self, incidents: Sequence[Incident]) -> None:
        """Store incidents."""
        if not incidents:
            return
        with translated(self._description):
            await self._collections.create()
            await self._collections.events.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in incidents]
            )

    async def newest(self, *, limit: int) -> list[Incident]:
        """The latest incidents, newest first."""
        with translated(self._description):
            return await self._collections.events.find(sort=[("at", -1), ("_id", -1)], limit=limit).to_list()
