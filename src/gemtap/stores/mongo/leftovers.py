"""Orphans: rows and files without a document.

They remain if somebody deletes a document by hand, or if a deletion is interrupted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from bson import ObjectId
from pymongo import ReadPreference
from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.maintenance import Fault, Progress
from gemtap.stores.mongo.documents import FileId
from gemtap.stores.mongo.files import BodyFiles
from gemtap.stores.mongo.rows import Rows

_DELETING_TAKES: Final = 3.0
"""Seconds between deleting a document and deleting its row and files, at most."""


class Leftovers:
    """Finds and deletes orphans."""

    def __init__(self, interactions: AsyncCollection[Any], rows: Rows, files: BodyFiles) -> None:
        # A secondary may have the row and not the document yet.
        self._interactions = interactions.with_options(read_preference=ReadPreference.PRIMARY)
        self._rows = rows
        self._files = files

    async def free(self) -> AsyncIterator[Progress]:
        """Delete all orphans, in small steps. Raises PyMongoError."""
        total = await self._rows.estimated() + await self._files.estimated()
        done = 0
        async for ids in self._rows.ids():
            await self._rows.delete(await self._gone(ids))
            done += len(ids)
            yield Progress(done, max(done, total))
        before = await self._files.settled_at()
        async for files in self._files.ids():
            await self._files.free(await self._without_document(files), before)
            done += len(files)
            yield Progress(done, max(done, total))

    async def faults(self) -> AsyncIterator[Fault]:
        """All orphans, except those of deletions and puts that are running. Raises PyMongoError."""
        rows = [id_ async for ids in self._rows.ids() for id_ in await self._gone(ids)]
        before = await self._files.settled_at()
        files = [
            file
            async for batch in self._files.ids()
            for file in await self._files.kept_before(await self._without_document(batch), before)
        ]
        if not rows and not files:
            return
        await asyncio.sleep(_DELETING_TAKES)
        for id_ in await self._rows.present(rows):
            yield Fault(id_, "it is deleted, and its row in gemtap_rows is not: `gemtap prune` deletes it")
        there = await self._files.kept_before(files, before)
        for interaction, number in Counter(file["interaction"] for file in _once(there)).items():
            yield Fault(
                interaction,
                f"it is deleted, and {number} of its files in the GridFS bucket gemini_bodies not: they take up room "
                "until `gemtap prune` deletes them",
            )

    async def _gone(self, ids: Sequence[ObjectId]) -> list[ObjectId]:
        """The ids without a document."""
        present = {each["_id"] async for each in self._interactions.find({"_id": {"$in": [*ids]}}, {"_id": 1})}
        return [id_ for id_ in ids if id_ not in present]

    async def _without_document(self, files: Sequence[FileId]) -> list[FileId]:
        gone = set(await self._gone([file["interaction"] for file in files]))
        return [file for file in files if file["interaction"] in gone]


def _once(files: Sequence[FileId]) -> list[FileId]:
    return list({(file["interaction"], file["side"], file["sha256"]): file for file in files}.values())
