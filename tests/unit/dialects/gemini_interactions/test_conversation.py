"""What is said in interactions of Gemini's Interactions API."""

from __future__ import annotations

import pytest

from gemtap.conversation.model import Call, Conversation, Media, Message, Other, Result, Text, Thought, Tool
from gemtap.dialects.gemini_interactions import conversation as interactions
from gemtap.interaction import Json


def test_a_whole_exchange() -> None:
    request = {
        "model": "gemini-2.5-flash",
        "system_instruction": "Be brief.",
        "previous_interaction_id": "v1_before",
        "input": [{"type": "function_result", "call_id": "1", "name": "weather", "result": {"sun": True}}],
        "tools": [
            {"type": "function", "name": "weather", "description": "Tells it.", "parameters": {"type": "object"}},
            {"type": "google_search"},
        ],
    }
    response = {
        "id": "v1_this",
        "steps": [
            {"type": "thought", "signature": "x", "summary": [{"type": "text", "text": "Hm."}]},
            {"type": "google_search_call", "arguments": {"queries": ["Rome"]}},
            {"type": "function_call", "id": "2", "name": "weather", "arguments": {"city": "Rome"}},
            {"type": "model_output", "content": [{"type": "text", "text": "Sun."}]},
        ],
    }
    assert interactions.read(request, response) == Conversation(
        system="Be brief.",
        prompt=(Message("tool", (Result({"sun": True}, "weather", "1"),)),),
        answer=Message(
            "model",
            (
                Thought("Hm."),
                Other("google_search_call", {"type": "google_search_call", "arguments": {"queries": ["Rome"]}}),
                Call("weather", {"city": "Rome"}, "2"),
                Text("Sun."),
            ),
        ),
        tools=(Tool("weather", "Tells it.", {"type": "object"}),),
        id="v1_this",
        previous="v1_before",
    )


@pytest.mark.parametrize(
    ("asked", "prompt"),
    [
        ("Why?", (Message("user", (Text("Why?"),)),)),
        (
            [{"type": "text", "text": "What is it?"}, {"type": "image", "data": "AAAA", "mime_type": "image/png"}],
            (Message("user", (Text("What is it?"), Media("image/png", base64="AAAA"))),),
        ),
        (
            [
                {"role": "user", "content": "Hi"},
                {"role": "model", "content": [{"type": "text", "text": "Ho"}]},
                {"role": "user", "content": [{"type": "document", "uri": "https://a/b"}]},
            ],
            (
                Message("user", (Text("Hi"),)),
                Message("model", (Text("Ho"),)),
                Message("user", (Media("document/*", uri="https://a/b"),)),
            ),
        ),
        (
            [
                {"type": "user_input", "content": [{"type": "text", "text": "Hi"}]},
                {"type": "model_output", "content": [{"type": "text", "text": "Ho"}]},
                {"type": "function_call", "id": "1", "name": "f", "arguments": None},
            ],
            (
                Message("user", (Text("Hi"),)),
                Message("model", (Text("Ho"),)),
                Message("model", (Call("f", {}, "1"),)),
            ),
        ),
        (
            [{"role": "user", "content": [{"type": "function_result", "call_id": "1", "result": "done"}]}],
            (Message("user", (Result("done", None, "1"),)),),
        ),
    ],
)
def test_forms_of_an_input(asked: Json, prompt: tuple[Message, ...]) -> None:
    assert interactions.read({"input": asked}, None).prompt == prompt


@pytest.mark.parametrize("nonsense", [None, 1, [], {"input": 1}, {"input": [1, None]}, {"input": {}, "steps": [1]}])
def test_what_is_no_conversation_is_an_empty_one(nonsense: Json) -> None:
    assert interactions.read(nonsense, nonsense).messages == ()
