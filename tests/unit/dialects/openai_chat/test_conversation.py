"""What is said in chat completions."""

from __future__ import annotations

import pytest

from gemtap.conversation.model import (
    Aside,
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
from gemtap.dialects.openai_chat import conversation as openai
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.interaction import Json


def test_a_whole_exchange() -> None:
    """A request and its response become one conversation."""
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    request = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": "Weather in Rome?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": '{"sun": true}'},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    }
    response = {"choices": [{"message": {"role": "assistant", "reasoning_content": "Hm.", "content": "Sun."}}]}
    assert openai.read(request, response) == Conversation(
        system="Be brief.\nBe kind.",
        prompt=(
            Message("user", (Text("Weather in Rome?"),)),
            Message("model", (Call("weather", {"city": "Rome"}, "1"),)),
            Message("tool", (Result({"sun": True}, None, "1"),)),
        ),
        answer=Message("model", (Thought("Hm."), Text("Sun."))),
        tools=(Tool("weather", None, {"type": "object"}),),
    )


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "text", "text": "Hi"}, Text("Hi")),
        ({"type": "image_url", "image_url": {"url": "data:image/gif;base64,AAAA"}}, Media("image/gif", base64="AAAA")),
        ({"type": "image_url", "image_url": {"url": "https://a/b"}}, Media("image/*", uri="https://a/b")),
        ({"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}, Media("audio/mp3", base64="AA")),
        ({"type": "file", "file": {"file_id": "f"}}, Media("application/octet-stream", uri="f")),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
            Media("application/pdf", base64="AAAA"),
        ),
        (
            {"type": "video_url", "video_url": {"url": "x"}},
            Other("video_url", {"type": "video_url", "video_url": {"url": "x"}}),
        ),
    ],
)
def test_parts_of_a_message(part: Json, read: object) -> None:
    """Every kind of content part is read."""
    assert openai.read({"messages": [{"role": "user", "content": [part]}]}, None).prompt == (Message("user", (read,)),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "read"), [('{"a": 1}', {"a": 1}), ("", {}), ("{broken", "{broken"), (None, {}), ({"a": 1}, {"a": 1})]
)
def test_arguments_are_what_the_model_wrote(arguments: Json, read: Json) -> None:
    """Arguments of a call keep the model's text."""
    message = {"content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": arguments}}]}
    conversation = openai.read({"messages": []}, {"choices": [{"message": message}]})
    assert conversation.answer == Message("model", (Call("f", read, "1"),))


def test_the_old_form_of_functions() -> None:
    """The deprecated `function_call` is read as a call."""
    request = {
        "functions": [{"name": "f", "description": "Does it."}],
        "messages": [
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "done"},
        ],
    }
    conversation = openai.read(request, None)
    assert conversation.tools == (Tool("f", "Does it.", None),)
    assert conversation.prompt == (Message("model", (Call("f", {}),)), Message("tool", (Result("done", "f"),)))


def test_a_refusal_is_what_was_said() -> None:
    """A refusal is read as text."""
    conversation = openai.read({}, {"choices": [{"message": {"content": None, "refusal": "No."}}]})
    assert conversation.answer == Message("model", (Text("No."),))


@pytest.mark.parametrize("nonsense", [None, 1, "text", [], {"messages": 1}, {"choices": [1], "messages": [1]}])
def test_what_is_no_conversation_is_an_empty_one(nonsense: Json) -> None:
    """Bodies of other shapes give an empty conversation."""
    assert openai.read(nonsense, nonsense).messages == ()


def test_pictures_and_speech_of_an_answer_and_its_sources_are_part_of_it() -> None:
    """As gateways and OpenAI's own models send them."""
    message = {
        "content": "Here.",
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
        "audio": {"data": "BBBB", "transcript": "Said."},
        "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}],
    }
    logprobs = {"content": [{"token": "Here", "logprob": -0.5}]}
    request = {
        "messages": [{"role": "user", "content": "Draw."}],
        "tools": [{"type": "web_search", "size": 1}],
        "extra_body": {"google": {"cached_content": "cachedContents/abc"}},
    }
    conversation = openai.read(request, {"choices": [{"message": message, "logprobs": logprobs}]})
    assert conversation.answer is not None
    assert conversation.answer.parts == (
        Text("Here."),
        Media("image/png", base64="AAAA"),
        Text("Said."),
        Media("audio/wav", base64="BBBB"),
        Grounding((), (Source("url", "A", "https://a.example"),)),
        Aside("logprobs", logprobs),
    )
    assert conversation.built_in == (BuiltInTool("web_search", {"size": 1}),)
    assert conversation.cache == "cachedContents/abc"


def test_a_picture_that_a_tool_gave_back_belongs_to_its_result() -> None:
    """Beside its text."""
    content = [
        {"type": "text", "text": '{"title": "Q4"}'},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    conversation = openai.read({"messages": [{"role": "tool", "tool_call_id": "1", "content": content}]}, None)
    result = Result({"title": "Q4"}, id="1", media=(Media("image/png", base64="AAAA"),))
    assert conversation.prompt == (Message("tool", (result,)),)


def test_generated_pictures_are_the_answer_to_their_prompt() -> None:
    """Inline, or at an address."""
    response = {"data": [{"b64_json": "AAAA"}, {"url": "https://a.example/fox.png"}, {}]}
    conversation = OPENAI_CHAT.conversation("openai.images.generations", {"prompt": "A fox."}, response)
    assert conversation is not None
    pictures = (Media("image/png", base64="AAAA"), Media("image/png", "https://a.example/fox.png"))
    assert conversation.messages == (Message("user", (Text("A fox."),)), Message("model", pictures))
