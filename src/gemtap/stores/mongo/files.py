"""Exact bytes that are too large for a document: files in a GridFS bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from bson import MaxKey, ObjectId
from gridfs import DEFAULT_CHUNK_SIZE, AsyncGridFSBucket
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from gemtap.stores.mongo.documents import FileId
from gemtap.stores.mongo.errors import DUPLICATE_KEY

BUCKET: Final = "gemini_bodies"
BUCKET_COLLECTIONS: Final = (f"{BUCKET}.files", f"{BUCKET}.chunks")


_UNDER_WAY: Final = timedelta(hours=1)
"""Upper limit of the time between writing a file and writing the document that refers to it."""

_BATCH: Final = 1_000


class BodyFiles:
    """The bucket. Files are written before the document that refers to them and deleted after it is gone."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._bucket = AsyncGridFSBucket(database, BUCKET)
        self._files = database[f"{BUCKET}.files"]
        self._chunks = database[f"{BUCKET}.chunks"]

    async def create(self) -> None:
        """Create the index that the GridFS specification requires."""
        await self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)

    async def keep(self, file_id: FileId, content: bytes) -> None:
        """Write a file, or complete one that an earlier attempt has begun.

        PyMongo's upload would fail on the chunks of an earlier attempt and delete them, although another recorder may
        be writing the same file. Here the id contains the hash of the content, so that every recorder writes the same
        chunks, and only missing ones are inserted. Present ones get the time of the server, so that `free` spares
        them. The format is GridFS:
        https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md
        """
        pieces = [content[start : start + DEFAULT_CHUNK_SIZE] for start in range(0, len(content), DEFAULT_CHUNK_SIZE)]
        await _keep(
            self._chunks,
            [({"files_id": file_id, "n": n}, {"_id": ObjectId(), "data": piece}) for n, piece in enumerate(pieces)],
            at="kept_at",
        )
        file = {
            "length": len(content),
            "chunkSize": DEFAULT_CHUNK_SIZE,
            "filename": f"{file_id['interaction']}.{file_id['side']}.zst",
        }
        await _keep(self._files, [({"_id": file_id}, file)], at="uploadDate")

    async def read(self, file_id: Mapping[str, Any]) -> bytes:
        """Content of a file. Raises NoFile or CorruptGridFile if it was deleted."""
        stream = await self._bucket.open_download_stream(file_id)
        return await stream.read()

    async def delete_others(self, interaction: ObjectId, referred: Sequence[Mapping[str, Any]]) -> None:
        """Delete the files of an interaction, incomplete ones too, except those that its document refers to."""
        others = {**_all_of(interaction), "$nin": list(referred)}
        await self._files.delete_many({"_id": others})
        await self._chunks.delete_many({"files_id": others})

    async def delete_of(self, interactions: Sequence[ObjectId]) -> None:
        """Delete the files of deleted interactions, incomplete ones too."""
        ranges = [_all_of(interaction) for interaction in interactions]
        await self._files.delete_many({"$or": [{"_id": each} for each in ranges]})
        await self._chunks.delete_many({"$or": [{"files_id": each} for each in ranges]})

    async def estimated(self) -> int:
        """Approximate number of ids that `ids` yields."""
        return 2 * await self._files.estimated_document_count()

    async def ids(self) -> AsyncIterator[list[FileId]]:
        """The ids of all files, incomplete ones too, in batches. Some come twice."""
        for collection, field in ((self._files, "_id"), (self._chunks, "files_id")):
            # Only objects: files of other programs in this bucket have ids of other types.
            beyond: dict[str, Any] = {"$gte": {}}
            while True:
                found = collection.find({field: beyond}, {"_id": 0, field: 1}, sort=[(field, 1)], limit=_BATCH)
                batch = [document[field] async for document in found]
                if not batch:
                    break
                beyond = {"$gt": batch[-1]}
                yield [id_ for id_, _ in groupby(batch) if isinstance(id_.get("interaction"), ObjectId)]

    async def settled_at(self) -> datetime:
        """A time of the server's clock. No running put will refer to a file that was last kept before it."""
        now: datetime = (await self._database.command("hello"))["localTime"]
        return now.replace(tzinfo=UTC) - _UNDER_WAY

    async def kept_before(self, ids: Sequence[FileId], moment: datetime) -> list[FileId]:
        """The files that have a part last kept before this time."""
        found = [
            *await self._files.distinct("_id", _files_before(ids, moment)),
            *await self._chunks.distinct("files_id", _chunks_before(ids, moment)),
        ]
        return [id_ for id_ in ids if id_ in found]

    async def free(self, ids: Sequence[FileId], before: datetime) -> None:
        """Delete the parts of these files that were last kept before this time.

        A put that keeps one of them at this moment loses nothing: parts that it has found are spared, and it writes
        those that were deleted before.
        """
        await self._files.delete_many(_files_before(ids, before))
        await self._chunks.delete_many(_chunks_before(ids, before))


def _files_before(ids: Sequence[FileId], moment: datetime) -> dict[str, Any]:
    return {"_id": {"$in": [*ids]}, "uploadDate": {"$lt": moment}}


def _chunks_before(ids: Sequence[FileId], moment: datetime) -> dict[str, Any]:
    # Earlier versions did not write `kept_at`.
    return {
        "files_id": {"$in": [*ids]},
        "kept_at": {"$not": {"$gte": moment}},
        "_id": {"$lt": ObjectId.from_datetime(moment)},
    }


async def _keep(
    collection: AsyncCollection[Any], documents: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], *, at: str
) -> None:
    """Insert missing documents, each a key and the rest, and set the field `at` of all of them to the present time."""
    changes = [
        UpdateOne(key, {"$setOnInsert": rest, "$currentDate": {at: True}}, upsert=True) for key, rest in documents
    ]
    try:
        await collection.bulk_write(changes, ordered=False)
    except BulkWriteError as exc:
        # Another recorder inserted the same document at this moment.
        if exc.details["writeConcernErrors"] or any(
            each["code"] != DUPLICATE_KEY for each in exc.details["writeErrors"]
        ):
            raise


def _all_of(interaction: ObjectId) -> dict[str, Any]:
    """A range of the index with all file ids of an interaction."""
    return {"$gte": {"interaction": interaction}, "$lt": {"interaction": interaction, "side": MaxKey()}}
