"""Which threads have an exchange in flight: found as the recorder will find them once it records these exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.recorder.fingerprint import Fingerprint, of_user, stored_fingerprint
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Store, StoreError
from gemtap.stores.place import Place


class LiveThreads:
    """Finds the threads of exchanges in flight. Each exchange is read once; its thread is looked up every time, since
    the turn that it continues may be recorded later than it begins."""

    def __init__(self, store: Store) -> None:
        self._threads = Threads(store)
        self._known: dict[ObjectId, tuple[Place, Fingerprint] | None] = {}

    async def of(
        self, ids: Sequence[ObjectId], read: Callable[[ObjectId], Awaitable[Interaction | None]]
    ) -> set[ObjectId]:
        """The ids of the threads that these exchanges continue. `read` returns the partial document of an exchange."""
        self._known = {id_: place for id_, place in self._known.items() if id_ in ids}
        for id_ in ids:
            if id_ not in self._known and (document := await read(id_)) is not None:
                fingerprint = await asyncio.to_thread(stored_fingerprint, document)
                place = Place(document["timestamp"], id_)
                # A request of which only the beginning has arrived is no conversation yet.
                if fingerprint is not None or document["response"] is not None:
                    user = document["client"]["user"]
                    self._known[id_] = None if fingerprint is None else (place, of_user(fingerprint, user))
        try:
            found = await self._threads.continued_by([each for each in self._known.values() if each is not None])
        except StoreError:
            return set()
        return set(found.values())
