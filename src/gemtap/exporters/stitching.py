"""Joins the turns of a conversation whose earlier messages the API keeps, so that clients do not resend them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gemtap.conversation import Conversation
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.stores.base import Store

_MOST_TURNS: Final = 10_000


class BeginningMissing(Exception):
    """The conversation continues one that was not recorded, or begins with cached content."""


async def whole_conversation(store: Store, document: Interaction) -> Conversation | None:
    """The conversation up to the end of this interaction, or None if it is none. Raises BeginningMissing."""
    conversation = conversation_of(document)
    if conversation is not None and conversation.cache is not None:
        raise BeginningMissing
    if conversation is None or conversation.previous is None:
        return conversation
    turns = [conversation]
    for _ in range(_MOST_TURNS):
        parent = document["thread"] and document["thread"]["parent"]
        earlier = await store.get(parent) if parent is not None else None
        before = conversation_of(earlier) if earlier is not None else None
        if earlier is None or before is None or turns[-1].previous not in (before.id, before.held_in):
            break
        turns.append(before)
        if before.previous is None:
            prompt = (message for turn in reversed(turns[1:]) for message in turn.messages)
            return replace(conversation, prompt=(*prompt, *conversation.prompt))
        document = earlier
    raise BeginningMissing
