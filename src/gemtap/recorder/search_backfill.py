"""Indexes interactions that were stored without text, or whose note or thread has changed.

It works in small steps, each followed by a pause for recording.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gemtap.interaction import Interaction
from gemtap.stores.search_index import Searchable, SearchIndex

_log = logging.getLogger(__name__)

_STEP: Final = 20
"""Number of interactions per step."""

_PAUSES: Final = 2.0
"""Length of a pause, as a multiple of the step before it."""

_LOOKS_EVERY: Final = 10.0
"""Seconds between two looks if nothing is due."""


TextsOf = Callable[[Sequence[Interaction]], Awaitable[list[str]]]
"""Returns the texts of documents, see `gemtap.recorder.searchable`."""


class SearchBackfill:
    """Indexes due interactions while it runs."""

    def __init__(self, index: SearchIndex, texts: TextsOf, looks_every: float = _LOOKS_EVERY) -> None:
        self._index = index
        self._texts = texts
        self._looks_every = looks_every

    async def run(self) -> None:
        """Run until cancelled, through outages of the store."""
        while True:
            began_at = time.monotonic()
            try:
                done = await self.step()
            except Exception as exc:
                # The recorder reports faults of the store. Indexing is only delayed.
                _log.info("Interactions of the past are not made searchable now: %s", exc)
                done = 0
            took = time.monotonic() - began_at
            await asyncio.sleep(took * _PAUSES if done else self._looks_every)

    async def step(self) -> int:
        """Index a few interactions, and return their number. Raises StoreError."""
        documents = await self._index.due(limit=_STEP)
        if documents:
            texts = zip(documents, await self._texts(documents), strict=True)
            await self._index.add(
                Searchable(document["_id"], text, document["note"], document["thread"]) for document, text in texts
            )
        return len(documents)
