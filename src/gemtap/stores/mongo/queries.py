"""The queries of lists, and the indexes they use."""

from __future__ import annotations

from typing import Any, Final

from pymongo import DESCENDING, IndexModel

from gemtap.stores.base import Cursor, Filter
from gemtap.stores.mongo.conditions import FAILED, PATHS, selection_of
from gemtap.stores.mongo.searching import FIELD, WORDS

NEWEST_FIRST: Final = [("timestamp", DESCENDING), ("_id", DESCENDING)]
OLDEST_FIRST: Final = [("timestamp", 1), ("_id", 1)]
AS_RECORDED: Final = [("recorded_at", 1), ("_id", 1)]
BY_THREAD: Final = [("thread.id", 1), *NEWEST_FIRST, ("tokens.total", 1), ("cost.usd", 1)]
"""With all that a list of threads adds up."""

_INDEXED: Final = (
    *("provider", "operation", "model", "model_version", "outcome", "status", "finish_reason"),
    *("client", "key", "user", "tag", "rating"),
)
"""The fields that lists are filtered by on their own. Of the others the newest are looked through."""

INDEXES: Final = [
    # With the thread, so that lists of threads need no documents.
    IndexModel([*NEWEST_FIRST, ("thread.id", 1)], name="newest_first"),
    IndexModel(AS_RECORDED),
    IndexModel(BY_THREAD, name="by_thread"),
    *(IndexModel([(PATHS[name], 1), *NEWEST_FIRST, ("thread.id", 1)], name=f"by_{name}") for name in _INDEXED),
    IndexModel(NEWEST_FIRST, name="failed", partialFilterExpression=FAILED),
    IndexModel([("links", 1), ("_id", DESCENDING)], name="links", sparse=True),
    IndexModel([(WORDS, 1), *NEWEST_FIRST], name="search"),
]

WITHOUT_RAW: Final = {
    "links": 0,
    FIELD: 0,
    **{f"{side}.{field}": 0 for side in ("request", "response") for field in ("raw", "raw_file", "raw_hash")},
}
"""The projection for the document as it was put: without what only the store knows."""

WITHOUT_BODIES: Final = {**WITHOUT_RAW, "request.body": 0, "response.body": 0, "response.chunks": 0}
"""The projection for lists."""


def selection(where: Filter, after: Cursor | None) -> dict[str, Any]:
    """The query for what matches, from just after the cursor on."""
    clauses = [selection_of(term) for term in where.terms]
    if after is not None:
        # The first clause is implied by the second; it is what bounds the scan of the index.
        clauses.append({"timestamp": {"$lte": after.timestamp}})
        clauses.append({"$or": [{"timestamp": {"$lt": after.timestamp}}, {"_id": {"$lt": after.id}}]})
    return {"$and": clauses} if clauses else {}


def scan_selection(where: Filter, after: Cursor | None, last: Cursor) -> dict[str, Any]:
    """The query for what matches, from just after one place, in the order of `OLDEST_FIRST`, up to and with another."""
    clauses = [
        selection(where, None),
        {"timestamp": {"$lte": last.timestamp}},
        {"$or": [{"timestamp": {"$lt": last.timestamp}}, {"_id": {"$lte": last.id}}]},
    ]
    return {"$and": clauses + _after(after)}


def oldest_selection(where: Filter, after: Cursor | None) -> dict[str, Any]:
    """The query for what matches, from just after a place, in the order of `OLDEST_FIRST`."""
    return {"$and": [selection(where, None), *_after(after)]}


def _after(place: Cursor | None) -> list[dict[str, Any]]:
    if place is None:
        return []
    # The second clause implies the first, which bounds the scan of the index.
    return [
        {"timestamp": {"$gte": place.timestamp}},
        {"$or": [{"timestamp": {"$gt": place.timestamp}}, {"_id": {"$gt": place.id}}]},
    ]


UNSEARCHABLE: Final[dict[str, Any]] = {WORDS: None}
"""The query for what has no words yet: the index has it, and in the order of `NEWEST_FIRST`."""
