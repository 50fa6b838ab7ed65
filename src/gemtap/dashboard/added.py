"""The messages that one turn added to its thread, for the thread's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gemtap.conversation.added import first_new_for_reader
from gemtap.dashboard.conversation_view import ShownMessage, first_shown, merged, shown_messages
from gemtap.interaction import Interaction

_SHOWN: Final = 4_000
"""Characters of a text that a thread's page shows. The interaction's page has the rest."""


@dataclass(frozen=True, slots=True)
class Added:
    """The new messages of the prompt, and the answer."""

    messages: list[ShownMessage]
    earlier: int
    """Number of omitted messages before the shown ones."""


def added_of(document: Interaction) -> Added:
    """The messages that a turn added. Empty if it is no conversation."""
    conversation = merged(document)
    if conversation is None:
        return Added([], 0)
    thread = document["thread"]
    fresh_from = first_new_for_reader(conversation, thread)
    # The first turn of a thread shows its whole prompt, since no other turn does.
    start = fresh_from if thread is not None and thread["parent"] is not None else 0
    count = len(conversation.messages)
    first = first_shown(conversation, start, count, _SHOWN)
    return Added(shown_messages(conversation, first, count, fresh_from, fresh=_SHOWN, resent=_SHOWN), first - start)
