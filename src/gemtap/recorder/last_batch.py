"""What was assembled last, until its search text is made.

The text depends on the places in threads, which are known only after the records went back to the desk. Sending
megabytes of documents to a worker again would take as long as assembling them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bson import ObjectId

from gemtap.conversation import Conversation
from gemtap.interaction import Interaction, Thread
from gemtap.recorder.assemble import Assembled


@dataclass(frozen=True, slots=True)
class Said:
    """A document with its place in a thread, and what was said in it."""

    document: Interaction
    conversation: Conversation | None


class LastBatch:
    """The documents of one batch, with their conversations."""

    def __init__(self) -> None:
        self._said: dict[ObjectId, Said] = {}

    def clear(self) -> None:
        """Forget everything: the next batch begins."""
        self._said.clear()

    def remember(self, assembled: Assembled) -> None:
        """Keep what was read of one exchange."""
        document = assembled.record.document
        self._said[document["_id"]] = Said(document, assembled.conversation)

    def take(self, threads: Mapping[ObjectId, Thread | None]) -> list[Said] | None:
        """These documents with these places, in this order; None if one of them is not here. Forgets everything."""
        found = [(self._said.get(id_), thread) for id_, thread in threads.items()]
        self.clear()
        placed = [
            Said({**said.document, "thread": thread}, said.conversation) for said, thread in found if said is not None
        ]
        return placed if len(placed) == len(threads) else None
