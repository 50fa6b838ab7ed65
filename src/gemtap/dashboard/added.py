"""What one turn added to its thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gemtap.conversation.added import first_new_for_reader
from gemtap.dashboard.conversation_view import MOST, ShownMessage, merged, shown_messages
from gemtap.interaction import Interaction

_SHOWN: Final = 4_000
"""Characters of a text: a thread is long, and whoever wants all of one text opens it."""


@dataclass(frozen=True, slots=True)
class Added:
    """New messages of the prompt, and the answer."""

    messages: list[ShownMessage]
    earlier: int
    """Messages that are left out before these, for they are many."""


def added_of(document: Interaction) -> Added:
    """What it added; nothing where it is no conversation."""
    conversation = merged(document)
    if conversation is None:
        return Added([], 0)
    thread = document["thread"]
    fresh_from = first_new_for_reader(conversation, thread)
    # What came with the turn that begins a thread is part of the thread too: no other turn shows it.
    start = fresh_from if thread is not None and thread["parent"] is not None else 0
    count = len(conversation.messages)
    first = max(start, count - MOST)
    return Added(shown_messages(conversation, first, count, fresh_from, fresh=_SHOWN, resent=_SHOWN), first - start)
