"""Stores and deletes interactions in a safe order, since a standalone MongoDB server has no transactions.

Files are written before their document, and the row after it. A deletion deletes the document first, then the row and
the files. A writer that dies in between leaves a document without a row, which lists read themselves, or a row and
files without a document, which nothing reads and `gemtap prune` deletes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference, ReplaceOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection

from gemtap.interaction import Outcome
from gemtap.stores.base import Record
from gemtap.stores.links import Move
from gemtap.stores.mongo.counts import MongoCounts
from gemtap.stores.mongo.documents import StoredRecord, from_stored, to_stored
from gemtap.stores.mongo.files import BodyFiles
from gemtap.stores.mongo.inserting import insert_absent
from gemtap.stores.mongo.linking import change_thread
from gemtap.stores.mongo.rows import Rows


class DeletedMeanwhile(Exception):
    """A record was deleted while it was stored. It may be stored again."""


class Writer:
    """Writes documents, their rows and files."""

    def __init__(
        self,
        interactions: AsyncCollection[RawBSONDocument],
        plain: AsyncCollection[Any],
        files: BodyFiles,
        rows: Rows,
        counts: MongoCounts,
    ) -> None:
        """`plain` is `interactions` with its documents decoded."""
        self._interactions = interactions
        self._plain = plain
        self._files = files
        self._rows = rows
        self._counts = counts

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """See `gemtap.stores.base.Store.put`. Raises RecordRejected, DeletedMeanwhile and PyMongoError."""
        # Compressing and encoding large bodies takes tens of milliseconds. All in one thread: for small ones the change
        # of threads takes longer than that.
        stored = await asyncio.to_thread(lambda: [to_stored(record) for record in records])
        for record in stored:
            for file_id, content in record.files.values():
                await self._files.keep(file_id, content)
        async with self._counts.changing(record.document["timestamp"] for record in records):
            present = await insert_absent(self._interactions, [record.document for record in stored])
            if present:
                await self._replace_interrupted([stored[position] for position in present])
        # The next list writes the rows of documents that existed already or were replaced.
        there = set(present)
        await self._rows.keep(record.row for position, record in enumerate(stored) if position not in there)
        return {stored[position].id for position in present}

    async def move(self, moves: Sequence[Move]) -> bool:
        """See `gemtap.stores.base.Store.move`. Raises PyMongoError."""
        ids = [each.id for each in moves]
        # First, since lists read documents without a row themselves.
        await self._rows.delete(ids)
        async with self._counts.changing(await self._begun(ids)):
            moved = await self._move(moves)
        # A list may have read a document before the change, and stored its row since.
        await self._rows.delete(ids)
        return moved

    async def _move(self, moves: Sequence[Move]) -> bool:
        # The counter is incremented after these, and waits for the disks of a majority, which have these by then too.
        quickly = self._plain.with_options(write_concern=WriteConcern(w=1))
        for each in moves:
            if not await change_thread(quickly, each):
                return False
        return True

    async def replace(self, record: Record) -> bool:
        """Replace the document with this id; False if there is none. Raises as `put` does."""
        stored = await asyncio.to_thread(to_stored, record)
        for file_id, content in stored.files.values():
            await self._files.keep(file_id, content)
        async with self._counts.changing([record.document["timestamp"]]):
            done = await self._interactions.replace_one({"_id": stored.id}, stored.document)
        if not done.matched_count:
            await self._files.delete_of([stored.id])
            return False
        await self._rows.keep([stored.row])
        await self._files.delete_others(stored.id, [file_id for file_id, _ in stored.files.values()])
        return True

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """Delete interactions, then their rows and files, and return how many existed. Raises PyMongoError."""
        async with self._counts.changing(await self._begun(ids)):
            done = await self._interactions.delete_many({"_id": {"$in": list(ids)}})
        await self._rows.delete(ids)
        await self._files.delete_of(ids)
        return done.deleted_count

    async def _begun(self, ids: Sequence[ObjectId]) -> list[datetime]:
        """Timestamps of these interactions."""
        found = self._plain.find({"_id": {"$in": list(ids)}}, {"timestamp": 1, "_id": 0})
        return [each["timestamp"] async for each in found]

    async def _replace_interrupted(self, present: Sequence[StoredRecord]) -> None:
        """Replace interrupted interactions by records that could not be inserted since their id exists.

        Inserting first and replacing afterwards is safe under concurrency. After a failed insert a document exists. If
        it is interrupted, it is replaced; if it is not, nothing is to be done, since it is final. A single upsert would
        fail on a duplicate key in two cases: if the document is complete, and if another recorder inserts an
        interrupted one at the same moment.
        """
        await self._replace([record for record in present if record.outcome != Outcome.INTERRUPTED])
        ids = [record.id for record in present]
        primary = self._interactions.with_options(read_preference=ReadPreference.PRIMARY)
        found = [
            from_stored(document)
            async for document in primary.find(
                {"_id": {"$in": ids}}, {"outcome": 1, "request.raw_file": 1, "response.raw_file": 1}
            )
        ]
        if {document["_id"] for document in found} != set(ids):
            raise DeletedMeanwhile
        for document in found:
            # Until the document is final, another recorder may be about to refer to another file.
            if document["outcome"] != Outcome.INTERRUPTED:
                sides = [document.get("request"), document.get("response")]
                referred = [side["raw_file"] for side in sides if side and "raw_file" in side]
                await self._files.delete_others(document["_id"], referred)

    async def _replace(self, records: Sequence[StoredRecord]) -> None:
        if records:
            await self._interactions.bulk_write(
                [ReplaceOne({"_id": record.id, "outcome": Outcome.INTERRUPTED}, record.document) for record in records],
                ordered=False,
            )
