"""What is said in interactions of Gemini's Interactions API."""

from __future__ import annotations

import pytest

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Result,
    Source,
    Text,
    Thought,
    Tool,
)
from gemtap.dialects.gemini_interactions import conversation as interactions
from gemtap.interaction import Json


def test_a_whole_exchange() -> None:
    """A request and its response become one conversation."""
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
            {"type": "thought", "signature": "y"},
            {"type": "google_search_call", "arguments": {"queries": ["Rome"]}},
            {"type": "function_call", "id": "2", "name": "weather", "arguments": {"city": "Rome"}},
            {"type": "model_output", "content": [{"type": "text", "text": "Sun."}]},
        ],
    }
    assert interactions.read(request, response) == Conversation(
        system="Be brief.",
        prompt=(Message("tool", (Result({"sun": True}, "weather", "1", is_error=False),)),),
        answer=Message(
            "model",
            (
                Thought("Hm."),
                Thought("", sealed="y", form="gemini_content"),
                Other("google_search_call", {"type": "google_search_call", "arguments": {"queries": ["Rome"]}}),
                Call("weather", {"city": "Rome"}, "2"),
                Text("Sun."),
            ),
        ),
        tools=(Tool("weather", "Tells it.", {"type": "object"}),),
        built_in=(BuiltInTool("google_search", {}),),
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
            (Message("user", (Result("done", None, "1", is_error=False),)),),
        ),
    ],
)
def test_forms_of_an_input(asked: Json, prompt: tuple[Message, ...]) -> None:
    """Every form of `input` becomes messages."""
    assert interactions.read({"input": asked}, None).prompt == prompt


@pytest.mark.parametrize("nonsense", [None, 1, [], {"input": 1}, {"input": [1, None]}, {"input": {}, "steps": [1]}])
def test_what_is_no_conversation_is_an_empty_one(nonsense: Json) -> None:
    """Bodies of other shapes give an empty conversation."""
    assert interactions.read(nonsense, nonsense).messages == ()


def test_sources_of_a_text_and_media_of_a_result_are_part_of_what_is_said() -> None:
    """Citations stand in annotations; a result is a value, or contents with media among them."""
    annotations = [
        {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0},
        {"type": "file_citation", "file_name": "town.pdf"},
        {"type": "unknown"},
    ]
    picture = {"type": "image", "data": "AAAA", "mime_type": "image/png"}
    result = [{"type": "text", "text": "Q4"}, picture]
    request = {"input": [{"type": "function_result", "name": "draw", "call_id": "1", "result": result}]}
    text = {"type": "text", "text": "So.", "annotations": annotations}
    response = {"steps": [{"type": "model_output", "content": [text]}]}
    sources = (Source("url", "A", "https://a.example"), Source("file", "town.pdf"))
    assert interactions.read(request, response).messages == (
        Message(
            "tool",
            (Result([{"type": "text", "text": "Q4"}], "draw", "1", (Media("image/png", base64="AAAA"),), False),),
        ),
        Message("model", (Text("So."), Grounding((), sources))),
    )


def test_a_step_that_has_only_begun_says_nothing() -> None:
    """A stream begins so."""
    assert interactions.read(None, {"steps": [{"type": "model_output"}]}).answer is None
