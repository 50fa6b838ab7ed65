"""Rows: copies of the documents without their bodies, for lists.

MongoDB always reads a document whole, and a document of an agent has megabytes of bodies. A row may be missing or out
of date, and lists are correct nevertheless:

- If a document has no row, lists read the document and write the row. So a recorder may be killed between any two
  writes, and earlier versions, which write no rows, may use the same database.
- Lists use a row only if it agrees with the index `LISTED`, which the server updates together with the document. So a
  row is ignored once its document is replaced, deleted, or changed in any field that lists filter by.
- Rows have no tags, ratings and notes, which change: lists take them from indexes. A document with more tags than the
  index `ANNOTATED` holds is read itself.

If a person changes other fields by hand, such as the headers, lists show the change only once the row is deleted:
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
        # Lists write lost rows again, so nothing waits until a row is on the disk.
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
            # In parallel: the round trip takes longer than the query.
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
        """The existing rows of these interactions, whether or not they are up to date."""
        return {row["_id"]: from_stored(row) async for row in self._rows.find({"_id": {"$in": [*ids]}})}

    async def keep(self, rows: Iterable[Row]) -> None:
        """Store rows. If that fails, lists do without them."""
        changes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows]
        if not changes:
            return
        try:
            await self._written.bulk_write(changes, ordered=False)
        except OperationFailure:
            # A read-only user, a full disk, or another process that stores the same row at this moment.
            pass

    async def renew(self, ids: Sequence[ObjectId]) -> None:
        """Store the rows of documents as they are now."""
        await self.keep([row_of(document) for document in await self._documents(ids)])

    async def delete(self, ids: Sequence[ObjectId]) -> None:
        """Delete the rows of documents that are deleted."""
        await self._written.delete_many({"_id": {"$in": [*ids]}})

    async def estimated(self) -> int:
        """Approximate number of rows."""
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
        """The ids that have a row."""
        return [row["_id"] async for row in self._rows.find({"_id": {"$in": [*ids]}}, {"_id": 1})]

    async def _indexed(
        self, ids: Sequence[ObjectId], moments: set[datetime]
    ) -> dict[ObjectId, tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """The entries of these interactions in the indexes `LISTED` and `ANNOTATED`."""
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
"""The keys of an entry. Until the index exists, the server returns those of another index."""


def misleads(row: Row, document: Mapping[str, Any]) -> bool:
    """Whether lists use the row although it differs from the document. The document may lack its bodies."""
    right = row_of(document)
    # The second comparison is for NaN, which does not equal itself.
    return row != right and bson.encode(row) != bson.encode(right) and _agree(document, row)


def _combined(row: Row, listed: Mapping[str, Any], annotated: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row with its annotations. None if the document itself has to be read."""
    if not _agree(listed, row) or annotated.keys() != _ANNOTATED or annotated[f"tags.{TAGS_SHOWN}"] is not None:
        return None
    tags = [annotated[tag] for tag in _TAGS if annotated[tag] is not None]
    # A person who changes documents by hand may store any values.
    if None in [annotated[tag] for tag in _TAGS[: len(tags)]]:
        return None
    return {**row, "tags": tags, "rating": listed.get("rating"), "note": annotated["note"]}


def _agree(key: Mapping[str, Any], row: Row) -> bool:
    """Whether a row agrees with an entry of the index `LISTED`, or with a document, except for annotations."""
    return all(_value(key, path) == _value(row, path) for path in _COMPARED)


def _value(document: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at a path, or None, as in an index."""
    value: Any = document
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
