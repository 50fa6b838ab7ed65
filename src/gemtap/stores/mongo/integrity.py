"""The integrity check: whether everything can be read back as it was stored."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, get_args

import zstandard
from bson import ObjectId
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from gridfs.errors import CorruptGridFile, NoFile
from pymongo.asynchronous.collection import AsyncCollection

from gemtap.interaction import Side
from gemtap.stores.maintenance import Fault
from gemtap.stores.mongo.documents import Row, exact_bytes, from_stored, hash_of
from gemtap.stores.mongo.files import BodyFiles
from gemtap.stores.mongo.rows import Rows, misleads
from gemtap.stores.mongo.searching import FIELD

STALE_ROW: Final = "lists show it as it was before it was changed by hand: `gemtap repair` mends that"

_BATCH: Final = 100
_WITHOUT_WORDS: Final = {"links": 0, FIELD: 0}


async def verify(
    interactions: AsyncCollection[RawBSONDocument], files: BodyFiles, rows: Rows, looked_at: Callable[[int], None]
) -> AsyncIterator[Fault]:
    """Every fault. Calls `looked_at` with the number of documents read since the last call. Raises PyMongoError."""
    last: ObjectId | None = None
    while True:
        query = {} if last is None else {"_id": {"$gt": last}}
        # A single batch of at most 16 MB, so that no cursor stays open while bodies are read.
        found = interactions.find(query, _WITHOUT_WORDS, sort=[("_id", 1)], limit=-_BATCH)
        batch = [document async for document in found]
        if not batch:
            return
        stored = await rows.stored([encoded["_id"] for encoded in batch])
        for encoded in batch:
            last = encoded["_id"]
            for what in await _faults(encoded, stored.get(last), files):
                # If the document was replaced or deleted since it was read, its files were deleted with it.
                now = await interactions.find_one({"_id": last}, _WITHOUT_WORDS)
                if now is not None and now.raw == encoded.raw:
                    yield Fault(last, what)
        looked_at(len(batch))


async def _faults(encoded: RawBSONDocument, row: Row | None, files: BodyFiles) -> list[str]:
    try:
        document = await asyncio.to_thread(from_stored, encoded)
    except (BSONError, ValueError) as exc:
        return [f"its document cannot be read: {exc}"]
    found = []
    for side in get_args(Side):
        part = document.get(side)
        fault = await _fault(part, files) if isinstance(part, dict) else None
        if fault is not None:
            found.append(_named(side, fault))
    if row is not None and misleads(row, document):
        found.append(STALE_ROW)
    return found


def _named(side: Side, fault: str) -> str:
    return f"the exact bytes of its {side} {fault}"


async def _fault(part: Mapping[str, Any], files: BodyFiles) -> str | None:
    """What is wrong with the exact bytes of a stored request or response."""
    try:
        if "raw_file" in part:
            compressed = await files.read(part["raw_file"])
            if hashlib.sha256(compressed).hexdigest() != part["raw_file"]["sha256"]:
                return "are damaged: the hash of their file in GridFS does not fit"
            raw = await asyncio.to_thread(zstandard.decompress, compressed)
        else:
            raw = await asyncio.to_thread(exact_bytes, part)
    except (NoFile, CorruptGridFile):
        return "are missing: their file in GridFS is gone or torn"
    except (zstandard.ZstdError, KeyError, TypeError, ValueError) as exc:
        return f"cannot be read: {exc}"
    # Documents of versions without hashes have none.
    if "raw_hash" in part and hash_of(raw) != part["raw_hash"]:
        return "are not what was stored: their hash does not fit"
    return None
