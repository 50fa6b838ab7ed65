"""Which messages a turn added to its conversation."""

from __future__ import annotations

from bson import ObjectId

from gemtap.conversation.added import first_new_for_reader, first_unrecorded
from gemtap.conversation.model import Conversation, Message, Text
from gemtap.interaction import Thread

ASKED, SAID = Message("user", (Text("Why?"),)), Message("model", (Text("So."),))
FIRST: Thread = {"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 3}


def test_a_request_sends_the_models_earlier_words_again() -> None:
    """New to a reader is what follows them."""
    conversation = Conversation(None, (ASKED, SAID, ASKED), None)
    assert first_new_for_reader(conversation, FIRST) == 2
    assert first_new_for_reader(conversation, {**FIRST, "parent": ObjectId(), "new_messages": 1}) == 2


def test_all_of_a_session_is_new() -> None:
    """Its answers stand among what was asked, and none of it was sent before."""
    session = Conversation(None, (ASKED, SAID, ASKED, SAID), None, is_session=True)
    assert first_new_for_reader(session, FIRST) == 0
    assert first_unrecorded(session, None) == 0
