"""Conversations of any provider as requests of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.model import (
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Text,
    Thought,
    Tool,
)
from gemtap.dialects.anthropic_messages.conversation import read
from gemtap.dialects.gemini_content.conversation import read as read_gemini
from gemtap.exporters.anthropic_messages import to_example
from gemtap.exporters.base import Report
from gemtap.exporters.scrub import make_scrub
from gemtap.exporters.training import Unfit


def user(*parts: Part) -> Message:
    return Message("user", parts)


def model(*parts: Part) -> Message:
    return Message("model", parts)


def conversation(*messages: Message, **fields: Any) -> Conversation:
    *prompt, answer = messages
    return Conversation(None, tuple(prompt), answer, **fields)


REQUEST: dict[str, Any] = {
    "system": "Be brief.",
    "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object", "properties": {}}}],
    "messages": [
        {"role": "user", "content": "What is there?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I look.", "signature": "EuYB=="},
                {"type": "redacted_thinking", "data": "Enc=="},
                {"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "toolu_a", "name": "look", "input": {"at": "sky"}},
                {"type": "tool_use", "id": "toolu_b", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_a",
                    "content": [
                        {"type": "text", "text": "a picture"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    ],
                },
                {"type": "tool_result", "tool_use_id": "toolu_b", "content": "no", "is_error": True},
                {"type": "text", "text": "Go on."},
            ],
        },
    ],
}


def test_what_anthropic_was_sent_is_exported_as_it_was() -> None:
    """Signatures, encrypted thinking, ids, errors and media of results survive the way through the model."""
    content = [{"type": "text", "text": "A bird."}]
    assert to_example(read(REQUEST, {"content": content}), None) == {
        **REQUEST,
        "messages": [*REQUEST["messages"], {"role": "assistant", "content": "A bird."}],
    }


def test_a_conversation_with_gemini_has_the_same_format() -> None:
    """Calls without ids get some, results become text, types of schemas lower-case, unsigned thoughts go."""
    request = {
        "tools": [{"functionDeclarations": [{"name": "look", "parameters": {"type": "OBJECT"}}]}],
        "contents": [
            {"role": "user", "parts": [{"text": "What is there?"}]},
            {
                "role": "model",
                "parts": [{"text": "Hm.", "thought": True}, {"functionCall": {"name": "look", "args": {}}}],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"seen": "a bird"}}}]},
        ],
    }
    response = {"candidates": [{"content": {"role": "model", "parts": [{"text": "A bird."}]}}]}
    found = read_gemini(request, response)
    assert found is not None
    assert to_example(found, None) == {
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "What is there?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": '{"seen": "a bird"}'}],
            },
            {"role": "assistant", "content": "A bird."},
        ],
    }


def test_turns_of_one_speaker_are_one_message() -> None:
    """The API wants user and assistant by turns."""
    found = to_example(conversation(user(Text("a")), user(Text("b")), model(Text("c"), Grounding((), ()))), None)
    assert found["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
    ]


def test_blocks_of_the_api_stay() -> None:
    """What Anthropic ran itself has its place in the format."""
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = to_example(conversation(user(Text("a")), model(Other("server_tool_use", block), Text("b"))), None)
    assert found["messages"][1]["content"] == [block, {"type": "text", "text": "b"}]


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ((model(Text("a")), user(Text("b"))), "it does not begin with the user"),
        ((user(Text("a")), user(Text("b"))), "it does not end with the model"),
        ((user(Text("a")), model(Call("f", "no object"))), "the arguments of a call are not an object"),
        ((user(Text("a")), model(Call("f o", {}))), "a tool's name has more than letters, digits, _ and -"),
        (
            (user(Text("a")), model(Call("f", {})), user(Text("b")), model(Text("c"))),
            "function calls and their results do not match",
        ),
        (
            (user(Text("a")), Message("tool", (Result("r", "f"),)), model(Text("c"))),
            "function calls and their results do not match",
        ),
        ((user(Media("audio/wav", base64="AAAA")), model(Text("b"))), "media that Claude does not read (audio/wav)"),
        ((user(Media("image/png", uri="gs://b/o")), model(Text("b"))), "media that are not in the conversation"),
        ((user(Other("executableCode", {})), model(Text("b"))), "a part that is not text (executableCode)"),
    ],
)
def test_what_the_api_would_refuse_is_left_out(messages: tuple[Message, ...], why: str) -> None:
    """Each reason is counted by its words."""
    with pytest.raises(Unfit) as refused:
        to_example(conversation(*messages), None)
    assert str(refused.value) == why


def test_tools_without_parameters_take_an_object() -> None:
    """The API demands a schema."""
    found = conversation(user(Text("a")), model(Text("b")), tools=(Tool("f", None, None),))
    assert to_example(found, None)["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]


def _signed(text: str, signature: str) -> Thought:
    return Thought(text, signature, form="anthropic_messages")


@pytest.mark.parametrize("form", ["openai_responses", "gemini_content", None])
def test_what_other_apis_encrypt_is_left_out(form: str | None) -> None:
    """Claude could not read it."""
    found = conversation(user(Text("a")), model(Thought("", sealed="gAAA", form=form), Text("b")))
    assert to_example(found, None)["messages"][1]["content"] == "b"


def test_a_thought_that_is_scrubbed_loses_its_signature() -> None:
    """The API would refuse other words with the same signature."""
    found = conversation(user(Text("a")), model(_signed("Mail jo@example.com.", "s"), _signed("Good.", "t"), Text("b")))
    scrubbed = make_scrub()(found, Report())
    assert to_example(scrubbed, None)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Good.", "signature": "t"},
        {"type": "text", "text": "b"},
    ]
