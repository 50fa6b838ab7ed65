"""What one turn added to its conversation."""

from __future__ import annotations

from gemtap.conversation.model import Conversation
from gemtap.interaction import Thread


def first_fresh(conversation: Conversation, thread: Thread | None) -> int:
    """The number of the first message of the prompt that this turn added.

    The thread tells, where the interaction is in one; else it is what follows the last words of the model.
    """
    asked = len(conversation.prompt)
    if thread is not None:
        return max(0, asked - max(thread["new_messages"], 0))
    return next((n for n in range(asked, 0, -1) if conversation.prompt[n - 1].role == "model"), 0)
