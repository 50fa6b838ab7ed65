"""Rows: what lists show of an interaction, kept apart from its document.

MongoDB reads a document whole, and an agent's has megabytes of bodies. So `gemtap_rows` repeats each document without
its bodies. A row is a copy that may be missing or out of date, and lists are right nevertheless:

- A document without a row is read itself, and gets its row then. So it may be killed between any two writes, and
  earlier versions, which write no rows, may write to the same database.
- A row is used only where it agrees with the index `LISTED`, which the server changes together with the document. So
  a row is no longer used once its document is replaced, deleted, or changed in anything that lists are filtered by.
- Tags, ratings and notes change, and are not in rows: they come from indexes. A document with more tags than the index
  `ANNOTATED` has is read itself.

What a person changes by hand in other fields, such as the headers, is seen in lists only when the row is deleted:
`gemtap check` compares every row with its document.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from gemtap.stores.mongo.documents import WITHOUT_BODIES, Row, from_stored, row_of
from gemtap.stores.mongo.hinting import find
from gemtap.stores.mongo.queries import ANNOTATED, LISTED, TAGS_SHOWN

ROWS: Final = "gemtap_rows"

_BATCH: Final = 1_000


class Rows:
    """The rows of a collection of interactions."""

    def __init__(
        self,
        rows: AsyncCollection[RawBSONDocument],
        interactions: AsyncCollection[RawBSONDocument],
        plain: AsyncCollection[Any],
    ) -> None:
        """`plain` is `interactions` with its documents decoded."""
        self._rows = rows
        # A row that is lost is made again: nothing waits until it is on the disk.
        self._written: AsyncCollection[Any] = rows.with_options(write_concern=WriteConcern(w=1))
        self._interactions = interactions
        self._plain = plain

    async def read(self, ids: Sequence[ObjectId], moments: Iterable[datetime] | None = None) -> list[dict[str, Any]]:
        """The documents without bodies of these interactions, in this order, without those that are deleted by now.

        `moments` are their timestamps, if they are known: that saves waiting for the rows.
        """
        if not ids:
            return []
        if moments is None:
            rows = await self.stored(ids)
            indexed = await self._indexed(ids, {row["timestamp"] for row in rows.values()})
        else:
            # Side by side: each takes longer to ask than to answer.
            rows, indexed = await asyncio.gather(self.stored(ids), self._indexed(ids, set(moments)))
        found = {
            id_: item
            for id_, row in rows.items()
            if id_ in indexed and (item := _combined(row, *indexed[id_])) is not None
        }
        others = [id_ for id_ in ids if id_ not in found]
        if others:
            documents = await self._documents(others)
            await self.keep(row for document in documents if (row := row_of(document)) != rows.get(row["_id"]))
            found |= {document["_id"]: document for document in documents}
        return [found[id_] for id_ in ids if id_ in found]

    async def stored(self, ids: Sequence[ObjectId]) -> dict[ObjectId, Row]:
        """Those rows of these interactions that there are, right or not."""
        return {row["_id"]: from_stored(row) async for row in self._rows.find({"_id": {"$in": [*ids]}})}

    async def keep(self, rows: Iterable[Row]) -> None:
        """Store rows. Where that is not possible lists do without them."""
        changes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows]
        if not changes:
            return
        try:
            await self._written.bulk_write(changes, ordered=False)
        except OperationFailure:
            # A user who may only read, a full disk, or somebody else stores the same row at this moment.
            pass

    async def renew(self, ids: Sequence[ObjectId]) -> None:
        """Store the rows of documents as they are now."""
        await self.keep([row_of(document) for document in await self._documents(ids)])

    async def delete(self, ids: Sequence[ObjectId]) -> None:
        """Delete the rows of documents that are deleted."""
        await self._written.delete_many({"_id": {"$in": [*ids]}})

    async def estimated(self) -> int:
        """About how many rows there are."""
        return await self._rows.estimated_document_count()

    async def ids(self) -> AsyncIterator[list[ObjectId]]:
        """The ids of all rows, in batches."""
        beyond: dict[str, Any] = {}
        while True:
            found = self._rows.find(beyond, {"_id": 1}, sort=[("_id", 1)], limit=_BATCH)
            batch = [row["_id"] async for row in found]
            if not batch:
                return
            beyond = {"_id": {"$gt": batch[-1]}}
            yield batch

    async def present(self, ids: Sequence[ObjectId]) -> list[ObjectId]:
        """Those of the ids that a row has."""
        return [row["_id"] async for row in self._rows.find({"_id": {"$in": [*ids]}}, {"_id": 1})]

    async def _indexed(
        self, ids: Sequence[ObjectId], moments: set[datetime]
    ) -> dict[ObjectId, tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """What the indexes `LISTED` and `ANNOTATED` have of these interactions."""
        if not moments:
            return {}
        places = {"_id": {"$in": [*ids]}, "timestamp": {"$in": [*moments]}}
        listed, annotated = await asyncio.gather(
            find(self._plain, places, dict.fromkeys(_INDEXED, 1), index=LISTED),
            # A projection of positions would read the documents.
            find(self._plain, places, index=ANNOTATED, return_key=True),
        )
        annotations = {key["_id"]: key for key in annotated if "_id" in key}
        return {key["_id"]: (key, annotations[key["_id"]]) for key in listed if key["_id"] in annotations}

    async def _documents(self, ids: Sequence[ObjectId]) -> list[dict[str, Any]]:
        found = self._interactions.find({"_id": {"$in": [*ids]}}, WITHOUT_BODIES)
        return [from_stored(document) async for document in found]


_INDEXED: Final = {path: tuple(path.split(".")) for path, _ in LISTED}
_COMPARED: Final = [parts for path, parts in _INDEXED.items() if path != "rating"]
_TAGS: Final = [f"tags.{number}" for number in range(TAGS_SHOWN)]
_ANNOTATED: Final = {path for path, _ in ANNOTATED}
"""The keys of an entry. While the index is not there yet, the server answers with those of another one."""


def misleads(row: Row, document: Mapping[str, Any]) -> bool:
    """Whether lists use the row although it is not what the document says. The document may lack its bodies."""
    right = row_of(document)
    # The second comparison is for numbers that are equal to none, not even to themselves.
    return row != right and bson.encode(row) != bson.encode(right) and _agree(document, row)


def _combined(row: Row, listed: Mapping[str, Any], annotated: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row with its annotations; None where only the document itself tells what is right."""
    if not _agree(listed, row) or annotated.keys() != _ANNOTATED or annotated[f"tags.{TAGS_SHOWN}"] is not None:
        return None
    tags = [annotated[tag] for tag in _TAGS if annotated[tag] is not None]
    # Whoever changes documents by hand may put anything there.
    if None in [annotated[tag] for tag in _TAGS[: len(tags)]]:
        return None
    return {**row, "tags": tags, "rating": listed.get("rating"), "note": annotated["note"]}


def _agree(key: Mapping[str, Any], row: Row) -> bool:
    """Whether a row has the values that the index `LISTED` has, or a document in these fields, except annotations."""
    return all(_value(key, path) == _value(row, path) for path in _COMPARED)


def _value(document: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at a path; None where there is none, as an index has it."""
    value: Any = document
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
