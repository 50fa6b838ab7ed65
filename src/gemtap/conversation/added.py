"""What one turn added to its conversation."""

from __future__ import annotations

from gemtap.conversation.model import Conversation
from gemtap.interaction import Thread


def first_new_for_reader(conversation: Conversation, thread: Thread | None) -> int:
    """The index of the first message in the prompt that is new to a reader.

    The thread decides if this turn continues another one. The first recorded turn of a thread counts all as new,
    but the model's messages in it come from turns that were not recorded: new is what follows the model's last message.
    """
    if thread is not None and thread["parent"] is not None:
        return first_unrecorded(conversation, thread)
    return after_the_model(conversation)


def first_unrecorded(conversation: Conversation, thread: Thread | None) -> int:
    """The number of the first message of the prompt that no earlier interaction has: all, where none was continued."""
    if thread is not None:
        return max(0, len(conversation.prompt) - max(thread["new_messages"], 0))
    return after_the_model(conversation)


def after_the_model(conversation: Conversation) -> int:
    """The number of the first message of the prompt after the model's last one. All of a session was said in it."""
    if conversation.is_session:
        return 0
    asked = len(conversation.prompt)
    return next((n for n in range(asked, 0, -1) if conversation.prompt[n - 1].role == "model"), 0)
