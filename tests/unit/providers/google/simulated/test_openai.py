"""The OpenAI-compatible paths."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import pytest

from tests.unit.providers.google.simulated.asking import MODEL, Api

BASE = "/v1beta/openai"
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]


def chat(api: Api, model: str = MODEL, messages: list[Any] = MESSAGES, **fields: Any) -> Any:
    return api.post(f"{BASE}/chat/completions", {"model": model, "messages": messages, **fields})


def test_a_completion(api: Api) -> None:
    """A completion has its message and usage."""
    answer = chat(api).json
    (choice,) = answer["choices"]
    assert answer["object"] == "chat.completion"
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


def test_a_stream_says_the_same_and_ends_with_done(api: Api) -> None:
    """A stream has the same text, and ends with [DONE]."""
    reply = chat(api, stream=True)
    assert reply.body.endswith(b"}\n\ndata: [DONE]\n\n")
    assert b"\r" not in reply.body
    said = "".join(event["choices"][0]["delta"]["content"] for event in reply.events)
    assert said == chat(api).json["choices"][0]["message"]["content"]
    assert [event["choices"][0]["finish_reason"] for event in reply.events][-2:] == [None, "stop"]


def test_the_usage_of_a_stream_is_in_one_more_chunk_if_it_is_wanted(api: Api) -> None:
    """The usage of a stream is optional."""
    events = chat(api, stream=True, stream_options={"include_usage": True}).events
    assert not any("usage" in event for event in events[:-1])
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == chat(api).json["usage"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(api: Api, stream: bool) -> None:
    """A declared tool is called."""
    reply = chat(api, tools=TOOLS, stream=stream)
    answers = reply.events if stream else [reply.json]
    choices = [choice for answer in answers for choice in answer["choices"]]
    said = [choice.get("message") or choice["delta"] for choice in choices]
    (call,) = [call for each in said for call in each.get("tool_calls", [])]
    assert call["index"] == 0
    assert call["function"]["name"] == "weather"
    assert "city" in json.loads(call["function"]["arguments"])
    assert choices[-1]["finish_reason"] == "tool_calls"


def test_the_result_of_a_tool_is_spoken_about(api: Api) -> None:
    """The answer refers to the result of a tool."""
    called = chat(api, tools=TOOLS).json["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "hailstones"}
    answer = chat(api, messages=[*MESSAGES, called, result], tools=TOOLS).json
    assert "`weather` returned" in answer["choices"][0]["message"]["content"]
    assert "hailstones" in answer["choices"][0]["message"]["content"]


def test_messages_of_every_kind_are_counted(api: Api) -> None:
    """All kinds of messages count as input."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "Why is the sky blue?"}, picture]
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": content}]
    more = chat(api, messages=messages).json["usage"]["prompt_tokens"]
    assert more == chat(api).json["usage"]["prompt_tokens"] + 258 + 2


def test_json_where_it_is_asked_for(api: Api) -> None:
    """JSON answers follow the requested format."""
    schema = {"type": "object", "properties": {"unit": {"enum": ["m"]}}}
    answer = chat(api, response_format={"type": "json_schema", "json_schema": {"schema": schema}}).json
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"unit": "m"}


def test_no_tool_is_called_and_no_thought_is_shown_where_that_is_forbidden(api: Api) -> None:
    """Tools and thoughts can be disabled."""
    answer = chat(api, "gemini-2.5-pro", tools=TOOLS, tool_choice="none").json
    assert "tool_calls" not in answer["choices"][0]["message"]
    assert answer["usage"]["total_tokens"] > answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    assert "**Considering" not in answer["choices"][0]["message"]["content"]


def test_errors_come_in_an_array(api: Api) -> None:
    """Errors are in an array, as Google's are."""
    for reply in (chat(api, "error-429"), chat(api, "gpt-4o"), chat(api, messages=[]), api.get(f"{BASE}/nothing")):
        (error,) = reply.json
        assert error["error"]["code"] == reply.status >= 400


def test_faults(api: Api) -> None:
    """Simulated faults work."""
    assert chat(api, "fault-max-tokens").json["choices"][0]["finish_reason"] == "length"
    assert chat(api, "fault-no-finish").json["choices"][0]["finish_reason"] is None
    assert not chat(api, "fault-disconnect", stream=True).ends_properly
    assert "error" in chat(api, "fault-midstream-error", stream=True).events[-1]
    blocked = chat(api, messages=[{"role": "user", "content": "BLOCKME"}]).json
    assert blocked["choices"][0]["finish_reason"] == "content_filter"


def test_models(api: Api) -> None:
    """Models are listed."""
    listed = api.get(f"{BASE}/models").json["data"]
    assert f"models/{MODEL}" in [model["id"] for model in listed]
    assert api.get(f"{BASE}/models/{MODEL}").json in listed
    assert api.get(f"{BASE}/models/gpt-4o").status == 404


def test_embeddings_as_numbers_and_in_base64(api: Api) -> None:
    """Embeddings come as numbers and in Base64."""
    body = {"model": "gemini-embedding-001", "input": ["one", "two"], "dimensions": 8}
    numbers = [each["embedding"] for each in api.post(f"{BASE}/embeddings", body).json["data"]]
    assert [len(each) for each in numbers] == [8, 8]
    encoded = api.post(f"{BASE}/embeddings", {**body, "encoding_format": "base64"}).json["data"]
    decoded = [array("f", base64.b64decode(each["embedding"])).tolist() for each in encoded]
    assert decoded[1] == pytest.approx(numbers[1])
    assert api.post(f"{BASE}/embeddings", {**body, "input": "one"}).json["data"][0]["embedding"] == numbers[0]
