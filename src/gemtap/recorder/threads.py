"""Places of interactions in threads: which one continues which, found by their fingerprints."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from gemtap.interaction import Interaction, Outcome, Thread
from gemtap.recorder.fingerprint import Fingerprint
from gemtap.stores.base import Filter, Record, Store

_RETRY_WITHIN: Final = timedelta(minutes=10)
"""Longer ago, the same first question is asked anew."""

_REMEMBERED: Final = 4_000
"""Interactions placed of late whose links are known without asking the store."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An interaction that has its place."""

    id: ObjectId
    thread: Thread
    at: datetime
    is_whole: bool


class Threads:
    """Gives interactions their places in threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: OrderedDict[bytes, _Placed] = OrderedDict()

    async def place(self, record: Record, fingerprint: Fingerprint) -> Record:
        """The record with its thread and its links. Raises StoreUnavailable."""
        document = record.document
        wanted = {fingerprint.prompt_hash, *(link for links, _ in fingerprint.candidates for link in links)}
        known = await self._known(wanted)
        thread = _thread(document, fingerprint, known)
        placed = _Placed(document["_id"], thread, document["timestamp"], document["outcome"] == Outcome.COMPLETE)
        for link in fingerprint.links:
            self._recent[link] = placed
            self._recent.move_to_end(link)
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        changed: Interaction = {**document, "thread": thread}
        return replace(record, document=changed, links=fingerprint.links)

    async def _known(self, wanted: set[bytes]) -> Mapping[bytes, _Placed]:
        known = {link: placed for link in wanted if (placed := self._recent.get(link)) is not None}
        stored = await self._store.linked(sorted(wanted - known.keys()))
        found: dict[ObjectId, _Placed | None] = {}
        for link, id_ in stored.items():
            if id_ not in found:
                found[id_] = await self._stored(id_)
            placed = found[id_]
            if placed is not None:
                known[link] = placed
        return known

    async def _stored(self, id_: ObjectId) -> _Placed | None:
        items = (await self._store.page(Filter(id=id_), limit=1)).items
        if not items or items[0]["thread"] is None:
            return None
        item = items[0]
        return _Placed(id_, item["thread"], item["timestamp"], item["outcome"] == Outcome.COMPLETE)


def _thread(document: Interaction, fingerprint: Fingerprint, known: Mapping[bytes, _Placed]) -> Thread:
    own = document["_id"]
    for links, new_messages in fingerprint.candidates:
        for link in links:
            parent = known.get(link)
            if parent is not None and parent.id != own:
                return {
                    "id": parent.thread["id"],
                    "turn": parent.thread["turn"] + 1,
                    "parent": parent.id,
                    "new_messages": new_messages,
                }
    same = known.get(fingerprint.prompt_hash)
    if same is not None and same.id != own and not same.is_whole and document["timestamp"] - same.at < _RETRY_WITHIN:
        # The first question again, for it was not answered.
        return {**same.thread, "new_messages": fingerprint.messages}
    return {"id": own, "turn": 1, "parent": None, "new_messages": fingerprint.messages}
