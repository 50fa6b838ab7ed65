"""Storing and deleting interactions, and in which order: MongoDB alone, without a replica set, has no transactions.

Files are written before the document that refers to them, and its row after it; all of them are deleted after it is
gone. So whoever dies in between leaves a document without a row, which lists read themselves, or files and a row
without a document, which nobody asks for: `gemtap prune` deletes those.
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
    """A record was deleted while it was stored. Storing it again is right."""


class Writer:
    """Writes documents with all that belongs to them."""

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
        # Compressing and encoding large bodies takes tens of milliseconds.
        stored = [await asyncio.to_thread(to_stored, record) for record in records]
        for record in stored:
            for file_id, content in record.files.values():
                await self._files.keep(file_id, content)
        async with self._counts.changing(record.document["timestamp"] for record in records):
            present = await insert_absent(self._interactions, [record.document for record in stored])
            if present:
                await self._replace_interrupted([stored[position] for position in present])
        # The row of what was there already, or is replaced, is for the next list to make: it reads the document.
        there = set(present)
        await self._rows.keep(record.row for position, record in enumerate(stored) if position not in there)
        return {stored[position].id for position in present}

    async def move(self, moves: Sequence[Move]) -> bool:
        """See `gemtap.stores.base.Store.move`. Raises PyMongoError."""
        ids = [each.id for each in moves]
        # Before their documents change: without a row lists read those.
        await self._rows.delete(ids)
        async with self._counts.changing(await self._begun(ids)):
            moved = await self._move(moves)
        # A list may have read a document before it changed, and stored its row since.
        await self._rows.delete(ids)
        return moved

    async def _move(self, moves: Sequence[Move]) -> bool:
        # The count of changes is written after these. It waits for the disks of a majority, and they are there by then.
        quickly = self._plain.with_options(write_concern=WriteConcern(w=1))
        for each in moves:
            if not await change_thread(quickly, each):
                return False
        return True

    async def replace(self, record: Record) -> bool:
        """Put a record in place of the one with its id; False where there is none. Raises as `put` does."""
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
        """Delete interactions, then their rows and files, and say how many there were. Raises PyMongoError."""
        async with self._counts.changing(await self._begun(ids)):
            done = await self._interactions.delete_many({"_id": {"$in": list(ids)}})
        await self._rows.delete(ids)
        await self._files.delete_of(ids)
        return done.deleted_count

    async def _begun(self, ids: Sequence[ObjectId]) -> list[datetime]:
        """When these interactions began."""
        found = self._plain.find({"_id": {"$in": list(ids)}}, {"timestamp": 1, "_id": 0})
        return [each["timestamp"] async for each in found]

    async def _replace_interrupted(self, present: Sequence[StoredRecord]) -> None:
        """Put records in the place of interrupted ones: of records that were there already when they were inserted.

        Inserting first and replacing after holds under concurrency. Once an insert has failed a document is there;
        the replacement takes effect if that one is interrupted, and if it is not there is nothing to do, for a
        document that is not interrupted is never replaced. One upsert instead of the two would not do: it fails on
        a duplicate key both where a whole document is stored and where another recorder inserts an interrupted one
        at the same moment.
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
            # Another recorder may be about to refer to another file until the document is final.
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
