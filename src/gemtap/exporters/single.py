"""The conversation of one thread or interaction, for the formats that show one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bson import ObjectId

from gemtap.conversation import Conversation
from gemtap.conversation.canonical import merged
from gemtap.conversation.model import Text
from gemtap.exporters.base import ExportError, ExportOptions, Report
from gemtap.exporters.stitching import BeginningMissing, whole_conversation
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.stores.base import Filter, Store

_LONGEST_TITLE: Final = 120

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation, and the interaction that holds all of it."""

    document: Interaction
    conversation: Conversation

    @property
    def title(self) -> str:
        """The beginning of the conversation, in one line."""
        said = (part.text for message in self.conversation.prompt for part in message.parts if isinstance(part, Text))
        words = " ".join(next(said, "Conversation").split())
        return words if len(words) <= _LONGEST_TITLE else words[: _LONGEST_TITLE - 1] + "…"


async def shown_of(store: Store, wanted: ExportOptions, report: Report) -> Shown:
    """The conversation of `wanted.one`. Raises ExportError."""
    if wanted.one is None:
        raise ExportError("Add the ID of a thread or an interaction: gemtap export markdown ID.")
    shown = await _found(store, wanted.one)
    report.read += 1
    report.written["train"] += 1
    conversation = merged(shown.conversation)
    return Shown(shown.document, conversation if wanted.scrub is None else wanted.scrub(conversation, report))


async def _found(store: Store, id_: ObjectId) -> Shown:
    document = await store.get(id_)
    # A thread has the id of the interaction that begins it: whoever names that one wants all of the conversation.
    if document is None or (document["thread"] is not None and document["thread"]["id"] == id_):
        last = await _last_turn(store, id_)
        if last is not None:
            return last
    if document is None:
        raise ExportError(f"There is no thread and no interaction {id_}. `gemtap ls` lists them.")
    conversation = await _conversation(store, document)
    if conversation is None:
        raise ExportError(f"Interaction {id_} is not a conversation: it is {document['operation']}.")
    return Shown(document, conversation)


async def _last_turn(store: Store, thread: ObjectId) -> Shown | None:
    """The last answered turn of a thread, which holds the whole conversation, or the last turn if none is answered."""
    newest: Shown | None = None
    # Newest first.
    for item in await store.list(Filter(thread=thread), limit=_PAGE):
        document = await store.get(item["_id"])
        conversation = await _conversation(store, document) if document is not None else None
        if document is None or conversation is None:
            continue
        if conversation.answer is not None:
            return Shown(document, conversation)
        newest = newest or Shown(document, conversation)
    return newest


async def _conversation(store: Store, document: Interaction) -> Conversation | None:
    try:
        return await whole_conversation(store, document)
    except BeginningMissing:
        # A reader prefers a partial conversation to none.
        return conversation_of(document)
