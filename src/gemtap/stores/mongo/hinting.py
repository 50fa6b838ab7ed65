"""Queries with a hint which index to use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from gemtap.stores.base import QUERY_SECONDS

_BAD_VALUE: Final = 2
"""Error code for a hint at a missing index."""

_MILLISECONDS: Final = QUERY_SECONDS * 1000

Index = Sequence[tuple[str, int]]

T = TypeVar("T")
Document = TypeVar("Document", bound=Mapping[str, Any])


async def aggregate(
    collection: AsyncCollection[Any], stages: Sequence[Mapping[str, Any]], index: Index | None
) -> list[Any]:
    """The results of an aggregation that uses this index."""

    async def ask(**hint: Any) -> list[Any]:
        return await (await collection.aggregate(stages, maxTimeMS=_MILLISECONDS, **hint)).to_list()

    return await _by_way_of(index, ask)


async def find(
    collection: AsyncCollection[Document],
    query: Mapping[str, Any],
    *arguments: Any,
    index: Index | None,
    **options: Any,
) -> list[Document]:
    """All results of `collection.find` with this index."""

    async def ask(**hint: Any) -> list[Document]:
        return await collection.find(query, *arguments, max_time_ms=_MILLISECONDS, **options, **hint).to_list()

    return await _by_way_of(index, ask)


async def _by_way_of(index: Index | None, ask: Callable[..., Awaitable[list[T]]]) -> list[T]:
    """Query with the index, or without if it does not exist, as in databases that only older versions have served."""
    if index is not None:
        try:
            return await ask(hint=dict(index))
        except OperationFailure as exc:
            if exc.code != _BAD_VALUE:
                raise
    return await ask()
