"""Maintenance of the MongoDB store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from gemtap.stores.maintenance import Fault, Progress, Space
from gemtap.stores.mongo.collections import Collections
from gemtap.stores.mongo.errors import translated
from gemtap.stores.mongo.integrity import STALE_ROW, verify
from gemtap.stores.mongo.leftovers import Leftovers


class MongoMaintenance:
    """See `gemtap.stores.maintenance.Maintenance`."""

    def __init__(
        self,
        client: AsyncMongoClient[dict[str, Any]],
        database: AsyncDatabase[dict[str, Any]],
        collections: Collections,
        description: str,
    ) -> None:
        self._client = client
        self._database = database
        self._collections = collections
        self._description = description
        self._leftovers = Leftovers(collections.plain, collections.rows, collections.files)

    async def space(self, *, settled: bool = False) -> Space:
        """Disk space of the database. MongoDB counts deleted data as free at its next checkpoint, within a minute."""
        with translated(self._description):
            if settled:
                try:
                    await self._client.admin.command("fsync")
                except OperationFailure:
                    pass  # some users, and some routers of sharded clusters, may not request a checkpoint
            figures = await self._database.command("dbStats", freeStorage=1)
        # A router of a sharded cluster adds up the figures of all shards, under the same names.
        free = int(figures.get("freeStorageSize", 0)) + int(figures.get("indexFreeStorageSize", 0))
        return Space(
            used=int(figures["storageSize"]) + int(figures["indexSize"]) - free,
            free=free,
            content=int(figures["dataSize"]),
        )

    async def reclaim(self) -> AsyncIterator[Progress]:
        """Delete rows and files without a document. MongoDB reuses the space, see docs/operations.md."""
        with translated(self._description):
            async for step in self._leftovers.free():
                yield step

    async def check(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Yield what is missing or damaged."""
        with translated(self._description):
            async for fault in self._verify(looked_at):
                yield fault
            async for fault in self._leftovers.faults():
                yield fault

    async def repair(self, looked_at: Callable[[int], None] | None = None) -> AsyncIterator[Fault]:
        """Renew stale rows, and yield damaged bodies, which stay where they are: nothing else depends on them."""
        with translated(self._description):
            async for fault in self._verify(looked_at):
                if fault.id is not None and fault.what == STALE_ROW:
                    await self._collections.rows.renew([fault.id])
                else:
                    yield fault

    def _verify(self, looked_at: Callable[[int], None] | None) -> AsyncIterator[Fault]:
        collections = self._collections
        return verify(collections.interactions, collections.files, collections.rows, looked_at or (lambda _: None))
