"""Exact bytes that are too large for a document: files in a GridFS bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import MaxKey, ObjectId
from gridfs import DEFAULT_CHUNK_SIZE, AsyncGridFSBucket
from pymongo.asynchronous.database import AsyncDatabase

from gemtap.stores.mongo.documents import FileId
from gemtap.stores.mongo.inserting import insert_absent

BUCKET: Final = "gemini_bodies"
BUCKET_COLLECTIONS: Final = (f"{BUCKET}.files", f"{BUCKET}.chunks")


class BodyFiles:
    """The bucket. Files are written before the document that refers to them and deleted after it is gone."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._bucket = AsyncGridFSBucket(database, BUCKET)
        self._files = database[f"{BUCKET}.files"]
        self._chunks = database[f"{BUCKET}.chunks"]

    async def create(self) -> None:
        """Make the index that the GridFS specification asks for."""
        await self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)

    async def keep(self, file_id: FileId, content: bytes) -> None:
        """Write a file, or what an earlier attempt has left to write.

        The bucket's own upload begins by clashing with what such an attempt left, and ends by deleting it: fatal to
        another recorder that is writing the same file. Here every piece is the same whoever writes it, for the id
        holds the content's hash, and is written if it is not there. The format is GridFS:
        https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md
        """
        pieces = [content[start : start + DEFAULT_CHUNK_SIZE] for start in range(0, len(content), DEFAULT_CHUNK_SIZE)]
        await insert_absent(
            self._chunks,
            [{"_id": ObjectId(), "files_id": file_id, "n": n, "data": piece} for n, piece in enumerate(pieces)],
        )
        file = {
            "_id": file_id,
            "length": len(content),
            "chunkSize": DEFAULT_CHUNK_SIZE,
            "uploadDate": datetime.now(UTC),
            "filename": f"{file_id['interaction']}.{file_id['side']}.zst",
        }
        await insert_absent(self._files, [file])

    async def read(self, file_id: Mapping[str, Any]) -> bytes:
        """A file's content. Raises NoFile or CorruptGridFile where it is gone."""
        stream = await self._bucket.open_download_stream(file_id)
        return await stream.read()

    async def delete_others(self, interaction: ObjectId, referred: Sequence[Mapping[str, Any]]) -> None:
        """Delete the files of an interaction, begun ones too, but for those that its document refers to."""
        others = {**_all_of(interaction), "$nin": list(referred)}
        await self._files.delete_many({"_id": others})
        await self._chunks.delete_many({"files_id": others})

    async def delete_of(self, interactions: Sequence[ObjectId]) -> None:
        """Delete the files of interactions that are gone, begun ones too."""
        ranges = [_all_of(interaction) for interaction in interactions]
        await self._files.delete_many({"$or": [{"_id": each} for each in ranges]})
        await self._chunks.delete_many({"$or": [{"files_id": each} for each in ranges]})


def _all_of(interaction: ObjectId) -> dict[str, Any]:
    """Every id of a file that an interaction may have: a range of the index."""
    return {"$gte": {"interaction": interaction}, "$lt": {"interaction": interaction, "side": MaxKey()}}
