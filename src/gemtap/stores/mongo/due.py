"""Interactions whose search text is due, see `gemtap.stores.search_index`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from gemtap.interaction import Interaction
from gemtap.stores.mongo.documents import WITHOUT_RAW, from_stored
from gemtap.stores.mongo.errors import translated
from gemtap.stores.mongo.linking import is_in
from gemtap.stores.mongo.queries import NEWEST_FIRST
from gemtap.stores.mongo.searching import FIELD, UNSEARCHABLE, searched
from gemtap.stores.search_index import Searchable


class MongoSearchIndex:
    """See `gemtap.stores.search_index.SearchIndex`."""

    def __init__(self, interactions: AsyncCollection[RawBSONDocument], description: str) -> None:
        self._interactions = interactions
        self._description = description

    async def due(self, *, limit: int) -> list[Interaction]:
        """Documents without text, the newest first."""
        with translated(self._description):
            # A negative limit asks for a single batch, of at most 16 MB.
            found = self._interactions.find(UNSEARCHABLE, WITHOUT_RAW, sort=NEWEST_FIRST, limit=-limit)
            return [cast(Interaction, await asyncio.to_thread(from_stored, document)) async for document in found]

    async def add(self, texts: Iterable[Searchable]) -> None:
        """Store the words of these texts in their documents."""
        changes = [
            UpdateOne(
                {"_id": each.id, **UNSEARCHABLE, "note": each.note, **is_in(each.thread)},
                {"$set": {FIELD: await asyncio.to_thread(searched, each.text)}},
            )
            for each in texts
        ]
        if changes:
            with translated(self._description):
                await self._interactions.bulk_write(changes, ordered=False)
