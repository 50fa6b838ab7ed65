"""Which interactions a store lacks, for copies and imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from gemtap.stores.base import Filter, Store, replaces
from gemtap.stores.query.filter import Condition, Is


async def missing_ids(store: Store, documents: Sequence[Mapping[str, Any]]) -> set[ObjectId]:
    """The ids of documents that the store lacks, or has as interrupted captures that they would replace."""
    ids = list(dict.fromkeys(document["_id"] for document in documents))
    if not ids:
        return set()
    where = Filter(Condition("id", tuple(Is(id_) for id_ in ids)))
    present = {item["_id"]: item["outcome"] for item in await store.list(where, limit=len(ids))}
    return {
        document["_id"]
        for document in documents
        if document["_id"] not in present or replaces(document, present[document["_id"]])
    }
