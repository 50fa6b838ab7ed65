"""Aggregations that know best which index they want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import OperationFailure

_BAD_VALUE: Final = 2
"""What a hint is that names no index."""


async def aggregate(
    collection: AsyncCollection[Any], stages: Sequence[Mapping[str, Any]], hint: Sequence[tuple[str, int]] | None
) -> AsyncCommandCursor[Any]:
    """The answer, by way of the index where there is one: until a newer Gemtap has served a database there is not."""
    if hint is not None:
        try:
            return await collection.aggregate(stages, hint=dict(hint))
        except OperationFailure as exc:
            if exc.code != _BAD_VALUE:
                raise
    return await collection.aggregate(stages)
