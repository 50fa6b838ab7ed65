"""Which interactions are conversations, and whose."""

from __future__ import annotations

import json

import pytest

from gemtap.conversation.model import Message, Text
from gemtap.providers.documents import conversation_of
from tests.records import make_record

OPENAI = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()


@pytest.mark.parametrize("operation", ["generateContent", "streamGenerateContent"])
def test_gemini_generates_content(operation: str) -> None:
    """A Gemini document has its conversation."""
    conversation = conversation_of(make_record(operation=operation).document)
    assert conversation is not None
    assert conversation.prompt == (Message("user", (Text("Why is the sky blue?"),)),)
    assert conversation.answer == Message("model", (Text("Rayleigh."),))


def test_openai_completes_chats() -> None:
    """A chat completion has its conversation."""
    conversation = conversation_of(make_record(operation="openai.chat.completions", request_raw=OPENAI).document)
    assert conversation is not None
    assert conversation.prompt == (Message("user", (Text("Hi"),)),)


def test_a_live_session_has_turns() -> None:
    """A live session has its turns."""
    record = make_record(
        operation="live",
        request_raw=b'{"messages":[{"at_ms":1,"data":{"setup":{"systemInstruction":"Be brief."}}}]}',
        response_raw=b'{"messages":[],"turns":[{"role":"model","parts":[{"text":"Ho"}]}]}',
        response={"status": 101},
    )
    conversation = conversation_of(record.document)
    assert conversation is not None
    assert conversation.system == "Be brief."
    assert conversation.messages == (Message("model", (Text("Ho"),)),)


def test_without_an_answer_the_prompt_is_there() -> None:
    """Without a response, the conversation has the prompt."""
    conversation = conversation_of(make_record(answered=False).document)
    assert conversation is not None
    assert conversation.answer is None
    assert len(conversation.prompt) == 1


def test_a_list_of_models_is_none() -> None:
    """A list of models has no conversation."""
    assert conversation_of(make_record(operation="models.list").document) is None
