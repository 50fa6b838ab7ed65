"""Saved searches, in a collection of their own. Their `_id` is the name."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from gemtap.stores.mongo.collections import Collections
from gemtap.stores.mongo.errors import translated
from gemtap.stores.saved_searches import SavedSearch, name_taken


class MongoSearches:
    """See `gemtap.stores.saved_searches.SavedSearches`."""

    def __init__(self, collections: Collections, description: str) -> None:
        self._collections = collections
        self._description = description

    async def all(self) -> Sequence[SavedSearch]:
        """All of them, by name."""
        with translated(self._description):
            found = await self._collections.searches.find(sort=[("_id", 1)]).to_list()
        return [{"name": each["_id"], "query": each["query"], "saved_at": each["saved_at"]} for each in found]

    async def put(self, search: SavedSearch) -> None:
        """Save a search, in place of one with the same name."""
        fields = {"query": search["query"], "saved_at": search["saved_at"]}
        with translated(self._description):
            await self._collections.create()
            await self._collections.searches.replace_one({"_id": search["name"]}, fields, upsert=True)

    async def rename(self, old: str, new: str) -> bool:
        """Give a search another name; False if there is none. Raises BadSearch if another one has the new name."""
        with translated(self._description):
            found = await self._collections.searches.find_one({"_id": old})
            if found is None or old == new:
                return found is not None
            try:
                # An `_id` cannot change. Dying in between leaves the search under both names.
                await self._collections.searches.insert_one({**found, "_id": new})
            except DuplicateKeyError:
                raise name_taken(new) from None
            await self._collections.searches.delete_one({"_id": old})
        return True

    async def delete(self, name: str) -> bool:
        """Delete a search; False if there is none."""
        with translated(self._description):
            return (await self._collections.searches.delete_one({"_id": name})).deleted_count == 1
