"""The protocol of the search index: which interactions still need their text, and the texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from bson import ObjectId

from gemtap.interaction import Interaction, Thread


class Searchable(NamedTuple):
    """The search text of one interaction, with the fields it depends on that may have changed since."""

    id: ObjectId
    text: str
    note: str | None
    thread: Thread | None


class SearchIndex(Protocol):
    """The words of interactions. Every method may raise StoreUnavailable."""

    async def due(self, *, limit: int) -> Sequence[Interaction]:
        """Whole documents that were stored without text, or whose note or thread changed since, last stored first.

        At most `limit` documents and a few megabytes: fewer than `limit` do not mean that these are all.
        """
        ...

    async def add(self, texts: Iterable[Searchable]) -> None:
        """Index these texts.

        Ignores interactions that were deleted, whose note or thread has changed, or that are not due any more.
        """
        ...
