"""Answers that came about with the help of a search, of documents or of other tools that the API itself runs.

What they found is not in the conversation, so a model that is trained on it learns to make such things up. Clients do
not send the sources of an earlier answer again: only the interaction of that answer has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gemtap.conversation import Conversation
from gemtap.conversation.model import Grounding, Message, Other
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.stores.base import Store

_MOST_TURNS: Final = 100
"""Earlier turns that are looked at. A conversation with more of them counts as helped."""


async def was_helped(store: Store, document: Interaction, conversation: Conversation) -> bool:
    """Whether an answer in the conversation, an earlier one too, has had such help, or may have had it."""
    # A format names the other parts that it cannot hold.
    if any(isinstance(part, Grounding) for message in conversation.messages for part in message.parts):
        return True
    if not conversation.built_in or not any(message.role == "model" for message in conversation.prompt):
        return False
    for _ in range(_MOST_TURNS):
        parent = document["thread"] and document["thread"]["parent"]
        earlier = await store.get(parent) if parent is not None else None
        before = conversation_of(earlier) if earlier is not None else None
        if earlier is None or before is None or _shows_help(before.messages):
            return True
        if not before.built_in or not any(message.role == "model" for message in before.prompt):
            return False
        document = earlier
    return True


def _shows_help(messages: Iterable[Message]) -> bool:
    return any(isinstance(part, Grounding | Other) for message in messages for part in message.parts)
