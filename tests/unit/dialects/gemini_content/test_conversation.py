"""What is said in Gemini's `contents` and `candidates`."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Conversation,
    Media,
    Message,
    Other,
    Result,
    Text,
    Thought,
    Tool,
)
from gemtap.dialects.gemini_content import conversation as gemini
from gemtap.dialects.gemini_live import conversation as gemini_live
from gemtap.interaction import Json


def said(*parts: Json, role: str = "user") -> Conversation:
    return gemini.read({"contents": [{"role": role, "parts": list(parts)}]}, None)


def test_a_whole_exchange() -> None:
    """A request and its response become one conversation."""
    request = {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Rome?"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "weather", "args": {"city": "Rome"}}}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "1", "name": "weather", "response": {"sun": True}}},
                    {"text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [
            {"googleSearch": {}},
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "Tells it.", "parameters": {"type": "OBJECT"}}
                ]
            },
        ],
    }
    response = {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Sun."}]}},
            {"content": {"role": "model", "parts": [{"text": "Rain."}]}},
        ]
    }
    assert gemini.read(request, response) == Conversation(
        system="Be brief.\nBe kind.",
        prompt=(
            Message("user", (Text("Weather in Rome?"),)),
            Message("model", (Call("weather", {"city": "Rome"}, "1"),)),
            Message("tool", (Result({"sun": True}, "weather", "1", is_error=False),)),
            Message("user", (Text("And tomorrow?"),)),
        ),
        answer=Message("model", (Thought("Hm."), Text("Sun."))),
        tools=(Tool("weather", "Tells it.", {"type": "OBJECT"}),),
        built_in=(BuiltInTool("googleSearch", {}),),
    )


def test_names_may_be_written_with_underscores() -> None:
    """Members may be written in snake case."""
    conversation = gemini.read(
        {
            "system_instruction": {"parts": {"text": "Be brief."}},
            "contents": {
                "parts": [
                    {"inline_data": {"mime_type": "image/png", "data": "AAAA"}},
                    {"file_data": {"mime_type": "video/mp4", "file_uri": "gs://a/b"}},
                ]
            },
            "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        },
        None,
    )
    assert conversation == Conversation(
        system="Be brief.",
        prompt=(Message("user", (Media("image/png", base64="AAAA"), Media("video/mp4", uri="gs://a/b"))),),
        answer=None,
        tools=(Tool("f", None, {"type": "object"}),),
    )


def test_contents_may_be_a_text() -> None:
    """`contents` may be a string."""
    assert gemini.read({"contents": "Hi"}, None).prompt == (Message("user", (Text("Hi"),)),)


def test_code_that_google_runs_stands_as_it_is() -> None:
    """Code execution is kept as tool use."""
    part = {"executableCode": {"language": "PYTHON", "code": "1"}}
    assert said(part, role="model").prompt == (Message("model", (Other("executableCode", part["executableCode"]),)),)


def test_a_part_that_says_nothing_is_none() -> None:
    """Parts without content are omitted."""
    assert said({"thoughtSignature": ""}, {"text": ""}, "nonsense").prompt == ()


@pytest.mark.parametrize("part", [{"thoughtSignature": "abc"}, {"text": "", "thought_signature": "abc"}])
def test_a_part_with_only_a_signature_is_an_encrypted_thought(part: dict[str, Any]) -> None:
    """Gemini 3 ends a stream with one."""
    thought = Thought("", sealed="abc", form="gemini_content")
    assert said({"text": "Yes."}, part, role="model").prompt == (Message("model", (Text("Yes."), thought)),)
    words = {"text": "Hm.", "thought": True}
    assert said(words, {"text": "Yes."}, part, role="model").prompt == (
        Message("model", (Thought("Hm."), Text("Yes."))),
    )


def test_a_signature_beside_a_call_does_not_hide_it() -> None:
    """A call with a signature is read."""
    part = {"thoughtSignature": "abc", "functionCall": {"name": "f"}}
    assert said(part, role="model").prompt == (Message("model", (Call("f", {}),)),)


def test_a_session_reads_as_what_was_spoken() -> None:
    """The turns of a session become messages."""
    response = {
        "turns": [
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "audio/pcm"}}],
                "inputTranscription": {"text": "Hi"},
            },
            {"role": "model", "parts": [{"text": "Ho"}]},
        ]
    }
    setup = {"setup": {"systemInstruction": {"parts": [{"text": "Be brief."}]}}}
    conversation = gemini_live.read(response, setup)
    assert conversation.system == "Be brief."
    assert conversation.prompt == (Message("user", (Text("Hi"), Media("audio/pcm"))), Message("model", (Text("Ho"),)))


@pytest.mark.parametrize("nonsense", [None, 1, "text", [], {}, {"contents": 1}, {"contents": [1, {"parts": 2}]}])
def test_what_is_no_conversation_is_an_empty_one(nonsense: Json) -> None:
    """Bodies of other shapes give an empty conversation."""
    conversation = gemini.read(nonsense, nonsense)
    assert conversation.answer is None
    assert conversation.messages == ()
