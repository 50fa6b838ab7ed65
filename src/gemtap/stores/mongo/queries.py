"""The queries of lists, and the indexes they use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import DESCENDING, IndexModel

from gemtap.stores.base import Filter
from gemtap.stores.mongo.conditions import FAILED, PATHS, selection_of
from gemtap.stores.mongo.hinting import Index
from gemtap.stores.mongo.searching import WORDS
from gemtap.stores.place import Order, Place
from gemtap.stores.query.filter import TEXT, Condition, Is, Says
from gemtap.stores.statistics import CONTEXT, TOKENS

NEWEST_FIRST: Final = [("timestamp", DESCENDING), ("_id", DESCENDING)]
OLDEST_FIRST: Final = [("timestamp", 1), ("_id", 1)]
AS_RECORDED: Final = [("recorded_at", 1), ("_id", 1)]
SORTS: Final[Mapping[Order, list[tuple[str, int]]]] = {
    "newest": NEWEST_FIRST,
    "oldest": OLDEST_FIRST,
    "recorded": AS_RECORDED,
}
BY_THREAD: Final = [("thread.id", 1), *NEWEST_FIRST, ("tokens.total", 1), ("cost.usd", 1)]
"""With the fields that lists of threads add up."""

_ANY_TIME: Final = {"$gte": datetime(1, 1, 1, tzinfo=UTC)}

AT_ANY_TIME: Final = {"timestamp": _ANY_TIME}
"""Always true, and lets the planner tell other fields from an index that begins with the time."""

_INDEXED: Final = (
    *("provider", "operation", "model", "model_version", "outcome", "status", "finish_reason"),
    *("client", "key", "user", "tool", "tag", "rating"),
)
"""Fields with an index of their own. For other fields, lists scan the newest interactions."""

BY_LINK: Final = [("links", 1), *NEWEST_FIRST]
"""With the order of time: the newest before a place is the first entry."""

_CONTINUING: Final = {"thread.parent": {"$gte": ObjectId("0" * 24)}}
"""Documents with a parent. A query for any value implies this."""

_REPLAYED: Final = {"replay_of": {"$exists": True}}
"""The few replays. A query for any value implies this."""

_LISTED_BY: Final = (
    *("provider", "operation", "model", "outcome", "status", "finish_reason"),
    *("client", "key", "user", "thread", "error", "rating"),
)
LISTED: Final = [
    *OLDEST_FIRST,
    *((PATHS[name], 1) for name in _LISTED_BY),
    ("thread.turn", 1),
    *((f"tokens.{name}", 1) for name in TOKENS),
    *((f"context.{name}", 1) for name in CONTEXT),
    ("cost.usd", 1),
    ("cost.cache_saved", 1),
    ("request_duration_ms", 1),
    ("timing.first_byte_ms", 1),
]
"""The fields that statistics need and rows are compared with, so that neither reads documents, which contain bodies.

MongoDB allows 32 fields in an index: `model_version` and `streaming`, by which nothing is grouped, are left out.
"""

WITH_TOOLS: Final = [
    *OLDEST_FIRST,
    ("tool_use", 1),
    ("thread.parent", 1),
    ("error.message", 1),
    ("cost.usd", 1),
]
"""Everything that statistics of tools need. `tool_use` is one value here, since the lists are inside it."""

HAS_TOOLS: Final[Mapping[str, Any]] = {"tool_use": {"$gte": {}}}
"""Documents that use tools."""

SUPERSEDED: Final = frozenset(f"{PATHS[name]}_1_timestamp_-1__id_-1" for name in (*_INDEXED, "thread")) | {
    *("timestamp_-1__id_-1", "counted", "failed", "links", "listed", "tagged", "noted")
}
"""Names of indexes of earlier versions that others have replaced."""

TAGS_SHOWN: Final = 8
"""Lists read the documents of interactions with more tags."""

ANNOTATED: Final = [
    ("_id", 1),
    ("timestamp", 1),
    *((f"tags.{number}", 1) for number in range(TAGS_SHOWN + 1)),
    ("note", 1),
]
"""Tags by their position and the note. `LISTED` has the rating.

An index of `tags` has an entry for each tag, without their order. One of positions has an entry for each document.
"""

_STEERING: Final = frozenset({*_INDEXED, "id", "thread", "error", TEXT})
_NEWEST_FIRST: Final = [*NEWEST_FIRST, ("thread.id", 1)]
"""With the thread, so that lists of threads need no documents."""

BY_ERROR: Final = [*_NEWEST_FIRST, ("error.message", 1)]
"""The failed interactions alone."""

INDEXES: Final = [
    IndexModel(_NEWEST_FIRST, name="newest_first"),
    IndexModel(AS_RECORDED),
    IndexModel(BY_THREAD, name="by_thread"),
    *(IndexModel([(PATHS[name], 1), *NEWEST_FIRST, ("thread.id", 1)], name=f"by_{name}") for name in _INDEXED),
    IndexModel(LISTED, name="statistics"),
    IndexModel(WITH_TOOLS, name="with_tools", partialFilterExpression=HAS_TOOLS),
    IndexModel(BY_ERROR, name="by_error", partialFilterExpression=FAILED),
    IndexModel(ANNOTATED, name="annotated"),
    IndexModel([("replay_of", 1), *NEWEST_FIRST], name="by_replay_of", partialFilterExpression=_REPLAYED),
    IndexModel(BY_LINK, name="by_link", sparse=True),
    IndexModel([("thread.parent", 1)], name="by_parent", partialFilterExpression=_CONTINUING),
    IndexModel([(WORDS, 1), *NEWEST_FIRST], name="search"),
]


def selection(where: Filter) -> dict[str, Any]:
    """The query for matching documents."""
    clauses = [selection_of(term) for term in where.terms]
    return {"$and": clauses} if clauses else {}


def times_after(place: Place | None, order: Order) -> list[dict[str, Any]]:
    """Queries that together match what comes after a place, one after the other in this order.

    There are two of them since MongoDB reads the documents for a single one with `$or`.
    """
    (time, direction), *_ = SORTS[order]
    if place is None:
        # See AT_ANY_TIME.
        return [{time: _ANY_TIME}]
    beyond = "$gt" if direction > 0 else "$lt"
    return [{time: place.timestamp, "_id": {beyond: place.id}}, {time: {beyond: place.timestamp}}]


def scan_selection(where: Filter, after: Place | None, last: Place) -> dict[str, Any]:
    """The query for matches in the order of `OLDEST_FIRST`, from just after one place up to and including another."""
    clauses = [
        selection(where),
        {"timestamp": {"$lte": last.timestamp}},
        {"$or": [{"timestamp": {"$lt": last.timestamp}}, {"_id": {"$lte": last.id}}]},
    ]
    if after is not None:
        # The second clause implies the first, which bounds the scan of the index.
        clauses.append({"timestamp": {"$gte": after.timestamp}})
        clauses.append({"$or": [{"timestamp": {"$gt": after.timestamp}}, {"_id": {"$gt": after.id}}]})
    return {"$and": clauses}


def index_for(where: Filter) -> Index | None:
    """The index for a list. None if the planner chooses well.

    The planner uses an index of any field in the query and sorts the documents it finds, with their bodies. That is
    good for a single value, whose index is in the order of time. For comparisons and exclusions, this returns an index
    in the order of time instead, with all queried fields if there is one.
    """
    if any(is_steering(term) for term in where.terms):
        return None
    return LISTED if where.terms and is_listed(where) else _NEWEST_FIRST


def is_steering(term: Condition) -> bool:
    """Whether an index has the matches of the condition in the order of time."""
    return not term.negated and term.field in _STEERING and all(isinstance(test, Is | Says) for test in term.tests)


def is_listed(where: Filter) -> bool:
    """Whether the index `LISTED` has all fields of the filter."""
    paths = {path for path, _ in LISTED} - {"_id"}
    return all(PATHS.get(term.field) in paths for term in where.terms)
