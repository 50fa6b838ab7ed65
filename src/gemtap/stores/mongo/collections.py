"""The collections of a database, and making them."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from bson import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from gemtap.stores.mongo.counts import DAY_PARTS, DAYS, MongoCounts
from gemtap.stores.mongo.documents import RAW_OPTIONS
from gemtap.stores.mongo.files import BUCKET_COLLECTIONS, BodyFiles
from gemtap.stores.mongo.queries import INDEXES, SUPERSEDED
from gemtap.stores.mongo.rows import ROWS, Rows

INTERACTIONS: Final = "gemini_interactions"
EVENTS: Final = "gemtap_events"
SEARCHES: Final = "gemtap_searches"
LIMIT_USAGE: Final = "gemtap_limit_usage"

_PLAIN: Final = CodecOptions[dict[str, Any]](tz_aware=True, tzinfo=UTC)


class Collections:
    """What is in a database, and what reads and writes it."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self.interactions: AsyncCollection[RawBSONDocument] = database[INTERACTIONS].with_options(RAW_OPTIONS)
        """The documents, undecoded."""
        self.plain: AsyncCollection[Any] = database.get_collection(INTERACTIONS, _PLAIN)
        """The same, for what only reads fields of them."""
        self.events: AsyncCollection[Any] = database.get_collection(EVENTS, _PLAIN)
        self.searches: AsyncCollection[Any] = database.get_collection(SEARCHES, _PLAIN)
        self.limit_usage: AsyncCollection[Any] = database.get_collection(LIMIT_USAGE, _PLAIN)
        self.files = BodyFiles(database)
        self.counts = MongoCounts(database, self.plain)
        self.rows = Rows(database[ROWS].with_options(RAW_OPTIONS), self.interactions, self.plain)
        self._created = False

    async def create(self) -> None:
        """Make the collections and their indexes where they are missing. Raises PyMongoError."""
        if self._created:
            return
        for name in (INTERACTIONS, EVENTS, SEARCHES, LIMIT_USAGE, ROWS, DAYS, DAY_PARTS, *BUCKET_COLLECTIONS):
            await self._create_collection(name)
        await self.interactions.create_indexes(INDEXES)
        for name in SUPERSEDED & (await self.interactions.index_information()).keys():
            await self.interactions.drop_index(name)
        await self.counts.create()
        await self.events.create_index([("at", -1), ("_id", -1)])
        await self.limit_usage.create_index([("ledger", 1), ("ends", 1)])
        # MongoDB deletes a document once the last of its windows is over.
        await self.limit_usage.create_index("ends", expireAfterSeconds=0)
        await self.files.create()
        self._created = True

    async def _create_collection(self, name: str) -> None:
        try:
            await self._database.create_collection(
                name, check_exists=False, storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}}
            )
        except OperationFailure:
            # It exists already; or the service lets nobody choose the storage engine, and the first write makes it.
            # Whatever else is wrong stops the making of the indexes too.
            pass
