"""Counts interactions: the server adds up days, many at once where they have little."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.base import Filter
from gemtap.stores.mongo.conditions import PATHS
from gemtap.stores.mongo.hinting import Index, aggregate, find
from gemtap.stores.mongo.queries import AT_ANY_TIME, LISTED, is_listed, selection
from gemtap.stores.paging import milliseconds
from gemtap.stores.statistics import CONTEXT, COUNTS, TOKENS, Bucket, By, Part, floats

_DAY: Final = timedelta(days=1)

_MOST_DAYS: Final = 64
"""Days that the server adds up at once, if they have little."""

_LITTLE: Final = 10_000
"""Interactions up to which the next days are added up together: the server keeps two numbers of each in memory."""

_SUMS: Final[Mapping[str, Any]] = {
    "requests": {"$sum": 1},
    # Not `$error` itself: no index has it, and the server would read the documents with their bodies.
    "errors": {"$sum": {"$cond": [{"$gt": ["$error.message", None]}, 1, 0]}},
    "priced": {"$sum": {"$cond": [{"$gt": ["$cost.usd", None]}, 1, 0]}},
    **{name: {"$sum": f"$tokens.{name}"} for name in TOKENS},
    **{name: {"$sum": f"$context.{name}"} for name in CONTEXT},
    "cost": {"$sum": "$cost.usd"},
    "cache_saved": {"$sum": "$cost.cache_saved"},
    "durations": {"$push": "$request_duration_ms"},
    "first_bytes": {"$push": "$timing.first_byte_ms"},
}


async def read_parts(
    interactions: AsyncCollection[Any], where: Filter, bucket: Bucket | None, by: By | None
) -> list[Part]:
    """Counts of the matching interactions, by minute, hour or day and by the field."""
    parts: list[Part] = []
    matching = {"$and": [selection(where), AT_ANY_TIME]}
    index = LISTED if is_listed(where) else None
    unit = bucket if bucket in ("minute", "hour") else "day"
    day = await _day_of_first(interactions, matching, index)
    days = 1
    while day is not None:
        end = day + days * _DAY
        within = {"$and": [matching, {"timestamp": {"$gte": day, "$lt": end}}]}
        # No group is of more than a day, since it is a document of at most 16 MB.
        key = f"${PATHS[by]}" if by else None
        start = {"$dateTrunc": {"date": "$timestamp", "unit": unit}}
        groups = await aggregate(
            interactions, [{"$match": within}, {"$group": {"_id": {"start": start, "key": key}, **_SUMS}}], index
        )
        parts += [_part(group) for group in groups]
        is_little = sum(group["requests"] for group in groups) < _LITTLE
        days = min(2 * days, _MOST_DAYS) if is_little else 1
        day = end if groups else await _day_of_first(interactions, _since(matching, end), index)
    return parts


def _since(matching: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    return {"$and": [matching, {"timestamp": {"$gte": moment}}]}


async def _day_of_first(
    interactions: AsyncCollection[Any], matching: Mapping[str, Any], index: Index | None
) -> datetime | None:
    """The day of the oldest match, or None."""
    found = await find(
        interactions, matching, {"timestamp": 1, "_id": 0}, sort=[("timestamp", 1)], limit=1, index=index
    )
    if not found:
        return None
    moment: datetime = found[0]["timestamp"].astimezone(UTC)
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _part(group: Mapping[str, Any]) -> Part:
    place = group["_id"]
    key = place.get("key")
    return Part(
        milliseconds(place["start"]),
        None if key is None else str(key),
        [int(group[name]) for name in COUNTS],
        float(group["cost"]),
        float(group["cache_saved"]),
        floats(group["durations"]),
        floats(group["first_bytes"]),
    )
