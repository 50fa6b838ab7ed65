"""Compiles the conditions of a filter to queries of MongoDB."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from gemtap.stores.mongo.searching import says, says_not
from gemtap.stores.paging import from_milliseconds, milliseconds, milliseconds_up
from gemtap.stores.query.filter import TEXT, Condition, Is, IsSet, Says, StartsWith, Test, Within

PATHS: Final = {
    "id": "_id",
    "time": "timestamp",
    "provider": "provider",
    "operation": "operation",
    "model": "model",
    "model_version": "model_version",
    "outcome": "outcome",
    "status": "response.status",
    "error": "error.message",
    "finish_reason": "finish_reason",
    "streaming": "streaming",
    "client": "client.name",
    "key": "client.key",
    "user": "client.user",
    "thread": "thread.id",
    "replay_of": "replay_of",
    "tool": "tool_use.calls.name",
    "tag": "tags",
    "rating": "rating",
    "tokens": "tokens.total",
    "input": "tokens.input",
    "cached": "tokens.cached",
    "cache_write": "tokens.cache_write",
    "output": "tokens.output",
    "reasoning": "tokens.reasoning",
    "cost": "cost.usd",
    "duration": "request_duration_ms",
    "first_byte": "timing.first_byte_ms",
}
"""The path of each field in the document."""

FAILED: Final = {"error.message": {"$gte": ""}}
"""The query for documents with an error. The planner uses a partial index only for the very same query.

An index can decide this from its keys. It cannot decide `{"error": null}`: the key of a missing field is null too.
"""


def selection_of(condition: Condition) -> dict[str, Any]:
    """A condition as a query."""
    if condition.field == TEXT:
        said = [says(test) for test in condition.tests if isinstance(test, Says)]
        return says_not(said) if condition.negated else {"$or": said}
    tests = [_test(condition.field, test) for test in condition.tests]
    if condition.negated:
        return {"$nor": tests}
    if len(tests) > 1 and all(isinstance(test, Is) for test in condition.tests) and condition.field != "error":
        # Not `$or`: `$in` reads an index value by value, and keeps the order of time.
        return {PATHS[condition.field]: {"$in": [test[PATHS[condition.field]] for test in tests]}}
    return tests[0] if len(tests) == 1 else {"$or": tests}


def _test(field: str, test: Test) -> dict[str, Any]:
    path = PATHS[field]
    match test:
        case Is(value) if field == "error":
            return FAILED if value else {"$nor": [FAILED]}
        case Is(value):
            return {path: from_milliseconds(milliseconds(value)) if isinstance(value, datetime) else value}
        case IsSet() if field == "tag":
            return {"tags.0": {"$exists": True}}
        case IsSet() if field == "tool":
            return {"tool_use.calls.0": {"$exists": True}}
        case IsSet():
            return {path: {"$ne": None}}
        case StartsWith(prefix):
            return {path: {"$regex": f"^{re.escape(prefix)}"}}
        case Within():
            return {path: _within(test)}
        case Says():
            raise AssertionError("only texts are asked for words")


def _within(test: Within) -> dict[str, Any]:
    bounds = [
        ("$gte", test.at_least, milliseconds_up),
        ("$gt", test.above, milliseconds),
        ("$lte", test.at_most, milliseconds),
        ("$lt", test.below, milliseconds_up),
    ]
    return {
        operator: from_milliseconds(cut(value)) if isinstance(value, datetime) else value
        for operator, value, cut in bounds
        if value is not None
    }
