"""Making searchable what was stored without its text, or has a new note or another place in a thread since.

In small steps, each followed by a pause in which recording has the store to itself.
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
"""Interactions at a time."""

_PAUSES: Final = 2.0
"""A pause, in times of what the step before it took."""

_LOOKS_EVERY: Final = 10.0
"""Seconds between two looks where nothing is to be done."""


TextsOf = Callable[[Sequence[Interaction]], Awaitable[list[str]]]
"""Tells the texts of documents, see `gemtap.recorder.searchable`."""


class SearchBackfill:
    """Makes interactions searchable for as long as it runs."""

    def __init__(self, index: SearchIndex, texts: TextsOf, looks_every: float = _LOOKS_EVERY) -> None:
        self._index = index
        self._texts = texts
        self._looks_every = looks_every

    async def run(self) -> None:
        """Go on until cancelled, whatever becomes of the store meanwhile."""
        while True:
            began_at = time.monotonic()
            try:
                done = await self.step()
            except Exception as exc:
                # The recorder says what is the matter with the store. Here nothing is lost, only later.
                _log.info("Interactions of the past are not made searchable now: %s", exc)
                done = 0
            took = time.monotonic() - began_at
            await asyncio.sleep(took * _PAUSES if done else self._looks_every)

    async def step(self) -> int:
        """Make a few interactions searchable and say how many. Raises StoreError."""
        documents = await self._index.due(limit=_STEP)
        if documents:
            texts = zip(documents, await self._texts(documents), strict=True)
            await self._index.add(
                Searchable(document["_id"], text, document["note"], document["thread"]) for document, text in texts
            )
        return len(documents)
