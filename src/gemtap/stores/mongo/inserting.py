"""Inserts missing documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import InsertOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from gemtap.stores.mongo.errors import DUPLICATE_KEY


async def insert_absent(collection: AsyncCollection[Any], documents: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert the documents that are missing, and return the positions of those whose key existed already."""
    try:
        await collection.bulk_write([InsertOne(document) for document in documents], ordered=False)
    except BulkWriteError as exc:
        errors = exc.details["writeErrors"]
        if exc.details["writeConcernErrors"] or any(error["code"] != DUPLICATE_KEY for error in errors):
            raise
        return [error["index"] for error in errors]
    return []
