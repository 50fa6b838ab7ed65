"""Which interactions a store has already: for whoever brings some along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from gemtap.stores.base import Filter, Store, replaces
from gemtap.stores.query.filter import Condition, Is


async def missing_ids(store: Store, documents: Sequence[Mapping[str, Any]]) -> set[ObjectId]:
    """The ids of those that are not in the store, or only as a capture that was interrupted and would be replaced."""
    ids = list(dict.fromkeys(document["_id"] for document in documents))
    if not ids:
        return set()
    where = Filter(Condition("id", tuple(Is(id_) for id_ in ids)))
    present = {item["_id"]: item["outcome"] for item in (await store.page(where, limit=len(ids))).items}
    return {
        document["_id"]
        for document in documents
        if document["_id"] not in present or replaces(document, present[document["_id"]])
    }
