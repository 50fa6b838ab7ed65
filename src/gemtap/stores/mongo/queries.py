"""The queries of lists, and the indexes they use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from pymongo import DESCENDING, IndexModel

from gemtap.stores.base import Cursor, Filter
from gemtap.stores.filter import TEXT, Is, Says
from gemtap.stores.mongo.conditions import FAILED, PATHS, selection_of
from gemtap.stores.mongo.hinting import Index
from gemtap.stores.mongo.searching import FIELD, WORDS
from gemtap.stores.statistics import CONTEXT, TOKENS

NEWEST_FIRST: Final = [("timestamp", DESCENDING), ("_id", DESCENDING)]
OLDEST_FIRST: Final = [("timestamp", 1), ("_id", 1)]
AS_RECORDED: Final = [("recorded_at", 1), ("_id", 1)]
BY_THREAD: Final = [("thread.id", 1), *NEWEST_FIRST, ("tokens.total", 1), ("cost.usd", 1)]
"""With all that a list of threads adds up."""

AT_ANY_TIME: Final = {"timestamp": {"$gte": datetime(1, 1, 1, tzinfo=UTC)}}
"""Says nothing, and lets the planner tell other fields too from an index that begins with the time."""

_INDEXED: Final = (
    *("provider", "operation", "model", "model_version", "outcome", "status", "finish_reason"),
    *("client", "key", "user", "tag", "rating"),
)
"""The fields that lists are filtered by on their own. Of the others the newest are looked through."""

_REPLAYED: Final = {"replay_of": {"$exists": True}}
"""The few documents that have one: asking for a value implies this."""

_COUNTED_BY: Final = (
    *("provider", "operation", "model", "model_version", "outcome", "status", "finish_reason", "streaming"),
    *("client", "key", "user", "thread"),
)
COUNTED: Final = [
    ("timestamp", 1),
    *((PATHS[name], 1) for name in _COUNTED_BY),
    ("error.message", 1),
    *((f"tokens.{name}", 1) for name in TOKENS),
    *((f"context.{name}", 1) for name in CONTEXT),
    ("cost.usd", 1),
    ("request_duration_ms", 1),
    ("timing.first_byte_ms", 1),
]
"""All that statistics need, so that they read no documents: those have their bodies in them."""

SUPERSEDED: Final = frozenset(f"{PATHS[name]}_1_timestamp_-1__id_-1" for name in (*_INDEXED, "thread")) | {
    "timestamp_-1__id_-1"
}
"""Names of indexes of earlier versions that others have taken the place of."""

_STEERING: Final = frozenset({*_INDEXED, "id", "thread", "error", TEXT})
_NEWEST_FIRST: Final = [*NEWEST_FIRST, ("thread.id", 1)]
"""With the thread, so that lists of threads need no documents."""

INDEXES: Final = [
    IndexModel(_NEWEST_FIRST, name="newest_first"),
    IndexModel(AS_RECORDED),
    IndexModel(BY_THREAD, name="by_thread"),
    *(IndexModel([(PATHS[name], 1), *NEWEST_FIRST, ("thread.id", 1)], name=f"by_{name}") for name in _INDEXED),
    IndexModel(COUNTED, name="counted"),
    IndexModel(NEWEST_FIRST, name="failed", partialFilterExpression=FAILED),
    IndexModel([("replay_of", 1), *NEWEST_FIRST], name="by_replay_of", partialFilterExpression=_REPLAYED),
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


def index_for(where: Filter) -> Index | None:
    """The index that lists are to use; None where the planner finds the best.

    It takes an index of any field that is asked about, and sorts what it finds there, documents with their bodies in
    them. That is well where one value is asked for, and its index has the order of time in it. Of comparisons and
    exclusions the newest are looked through instead.
    """
    for term in where.terms:
        if not term.negated and term.field in _STEERING and all(isinstance(test, Is | Says) for test in term.tests):
            return None
    return _NEWEST_FIRST


def is_counted(where: Filter) -> bool:
    """Whether the index `COUNTED` tells what matches."""
    paths = {path for path, _ in COUNTED}
    return all(PATHS.get(term.field) in paths for term in where.terms)
