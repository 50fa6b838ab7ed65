"""What one turn added to its conversation."""

from __future__ import annotations

from gemtap.conversation.model import Conversation
from gemtap.interaction import Thread


def first_new_for_reader(conversation: Conversation, thread: Thread | None) -> int:
    """The number of the first message of the prompt that this turn added, to those who read it.

    The thread tells, where this turn continues another. Of a turn that continues none the thread counts everything as
    new, and yet what the model said in it was sent before, past us: there it is what follows the model's last words.
    """
    if thread is not None and thread["parent"] is not None:
        return first_unrecorded(conversation, thread)
    return _after_the_model(conversation)


def first_unrecorded(conversation: Conversation, thread: Thread | None) -> int:
    """The number of the first message of the prompt that no earlier interaction has: all, where none was continued."""
    if thread is not None:
        return max(0, len(conversation.prompt) - max(thread["new_messages"], 0))
    return _after_the_model(conversation)


def _after_the_model(conversation: Conversation) -> int:
    asked = len(conversation.prompt)
    return next((n for n in range(asked, 0, -1) if conversation.prompt[n - 1].role == "model"), 0)
