"""Upkeep: writes missing rows, for documents of versions that had no rows.

It works in small steps beside recording. Lists do not wait for it: they read documents without a row themselves.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from gemtap.stores.base import Filter
from gemtap.stores.mongo.hinting import find
from gemtap.stores.mongo.queries import NEWEST_FIRST, index_for, times_after
from gemtap.stores.mongo.rows import Rows
from gemtap.stores.place import Place, place_of

_log = logging.getLogger(__name__)

_LOOKED_AT: Final = 1_000
"""Number of interactions examined at a time, in an index."""

_READ: Final = 20
"""Number of documents read at a time."""

_PAUSES: Final = 2.0
"""Length of a pause, as a multiple of the step before it."""


class Upkeep:
    """Writes missing rows once in the life of a process, newest first."""

    def __init__(self, interactions: AsyncCollection[Any], rows: Rows) -> None:
        self._interactions = interactions
        self._rows = rows
        self._work: asyncio.Task[None] | None = None
        self._place: Place | None = None
        """The place of the last interaction examined."""
        self._done = False

    def wake(self) -> None:
        """Start, or resume after an outage of the server, unless it is running."""
        if not self._done and (self._work is None or self._work.done()):
            self._work = asyncio.get_running_loop().create_task(self._run(), name="mongodb-upkeep")

    async def close(self) -> None:
        """Stop early. Another process does what is left."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])

    async def _run(self) -> None:
        try:
            while not self._done:
                await self._step()
        except PyMongoError as exc:
            _log.info("Rows for documents of the past are put off: %s", exc)
        except Exception:
            # Such as a document that cannot be decoded. Lists write the missing rows.
            _log.exception("Not all documents of the past have rows now")
            self._done = True

    async def _step(self) -> None:
        """Examine the next interactions."""
        places = await self._next()
        ids = [place.id for place in places]
        missing = set(ids) - set(await self._rows.present(ids))
        await self._make([id_ for id_ in ids if id_ in missing])
        if places:
            self._place = places[-1]
        self._done = not places

    async def _next(self) -> list[Place]:
        for time_ in times_after(self._place, "newest"):
            found = await find(
                self._interactions,
                time_,
                {"timestamp": 1},
                sort=NEWEST_FIRST,
                limit=_LOOKED_AT,
                index=index_for(Filter()),
            )
            if found:
                return [place_of(document) for document in found]
        return []

    async def _make(self, ids: Sequence[ObjectId]) -> None:
        for start in range(0, len(ids), _READ):
            began_at = time.monotonic()
            await self._rows.renew(ids[start : start + _READ])
            await asyncio.sleep(_PAUSES * (time.monotonic() - began_at))
