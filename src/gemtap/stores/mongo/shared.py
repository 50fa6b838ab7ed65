"""Small values that several Gemtaps share, such as the access keys: a document each in a collection of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bson.int64 import Int64
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from gemtap.stores.mongo.errors import translated

SHARED: Final = "gemtap_shared"


class MongoSharedValues:
    """See `gemtap.stores.base.SharedValues`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], description: str) -> None:
        self._collection: AsyncCollection[dict[str, Any]] = database[SHARED]
        self._description = description

    async def read(self, name: str) -> tuple[int, Any] | None:
        """Version and value; None if there is none."""
        with translated(self._description):
            found = await self._collection.find_one({"_id": name})
        return None if found is None else (found["version"], _plain(found["value"]))

    async def replace(self, name: str, version: int, value: Any) -> bool:
        """Replace the value that has this version, 0 for none; False if somebody else was faster."""
        document = {"_id": name, "version": version + 1, "value": value}
        with translated(self._description):
            if version == 0:
                try:
                    await self._collection.insert_one(document)
                except DuplicateKeyError:
                    return False
                return True
            return (await self._collection.replace_one({"_id": name, "version": version}, document)).matched_count == 1

    async def publish(self, name: str, value: Any) -> None:
        """Set a value that only one Gemtap writes, whatever its version."""
        with translated(self._description):
            await self._collection.update_one(
                {"_id": name}, {"$set": {"value": value}, "$inc": {"version": 1}}, upsert=True
            )

    async def remove(self, name: str, version: int) -> None:
        """Delete the value that has this version."""
        with translated(self._description):
            await self._collection.delete_one({"_id": name, "version": version})

    async def beginning_with(self, prefix: str) -> Mapping[str, tuple[int, Any]]:
        """Version and value of each name that begins so."""
        with translated(self._description):
            found = await self._collection.find({"_id": {"$regex": "^" + re.escape(prefix)}}).to_list()
        return {each["_id"]: (each["version"], _plain(each["value"])) for each in found}


def _plain(value: Any) -> Any:
    """A value as JSON has it: BSON's 64-bit integers have a type of their own."""
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case Int64():
            return int(value)
        case _:
            return value
