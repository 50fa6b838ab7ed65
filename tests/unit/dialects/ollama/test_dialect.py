"""Ollama's own shapes: lines of JSON, thoughts, calls, images, counts and times."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.conversation.model import Call, Media, Result, Text, Thought
from gemtap.dialects.base import Parsed
from gemtap.dialects.ollama.dialect import CHAT, GENERATE, OLLAMA
from gemtap.providers.registry import PROVIDERS
from tests.unit.providers.exchanges import make_exchange

LINES = "application/x-ndjson"
LAST = {
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "total_duration": 900,
    "prompt_eval_count": 12,
    "eval_count": 7,
}


def lines(*values: Any) -> bytes:
    """A streamed body."""
    return b"".join(json.dumps({"model": "qwen3:4b", **value}).encode() + b"\n" for value in values)


def piece(**fields: Any) -> dict[str, Any]:
    """A line of a chat."""
    return {"message": {"role": "assistant", "content": "", **fields}, "done": False}


def parse(body: bytes, path: str = "/api/chat", request: Any = None, **fields: Any) -> Parsed:
    """What is read of a streamed exchange."""
    asked = {"model": "qwen3", "messages": []} if request is None else request
    return PROVIDERS["ollama"].parse(
        make_exchange(path=path, request=asked, response=body, **{"content_type": LINES, **fields})
    )


def test_a_stream_adds_up_to_the_answer_without_streaming() -> None:
    """Texts are joined, calls are collected, the last line has the counts."""
    call = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}
    body = lines(
        piece(thinking="Let me "),
        piece(thinking="see."),
        piece(content="It "),
        piece(content="rains."),
        piece(tool_calls=[call]),
        LAST,
    )
    parsed = parse(body, request={"model": "qwen3", "options": {"temperature": 0}, "think": True, "messages": []})
    assert parsed.accumulated == {
        "model": "qwen3:4b",
        **LAST,
        "message": {"role": "assistant", "content": "It rains.", "thinking": "Let me see.", "tool_calls": [call]},
    }
    assert (parsed.operation, parsed.model, parsed.model_version) == (CHAT, "qwen3", "qwen3:4b")
    assert (parsed.streaming, parsed.finish_reason, parsed.error) == (True, "stop", None)
    assert parsed.generation_settings == {"options": {"temperature": 0}, "think": True}
    assert parsed.usage_metadata == {"prompt_eval_count": 12, "eval_count": 7, "total_duration": 900}
    assert (parsed.tokens["input"], parsed.tokens["output"], parsed.tokens["total"]) == (12, 7, 19)
    assert parsed.first_token_end == body.index(b"\n") + 1
    assert parsed.reasoning_streamed


def test_a_completion_adds_up_too() -> None:
    """`response` is its text."""
    parsed = parse(lines({"response": "You "}, {"response": "asked."}, {"response": "", "done": True}), "/api/generate")
    assert parsed.accumulated == {"model": "qwen3:4b", "response": "You asked.", "done": True}
    conversation = OLLAMA.conversation(GENERATE, {"prompt": "Why?", "system": "Be brief."}, parsed.accumulated)
    assert conversation is not None
    assert conversation.system == "Be brief."
    assert [message.parts for message in conversation.messages] == [(Text("Why?"),), (Text("You asked."),)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (lines(piece(content="x")), "the stream ended before it was done"),
        (lines(piece(content="x")) + b'{"error": "out of memory"}\n', "out of memory"),
        (b"{no json\n" + lines(LAST), "1 of the stream's 2 chunks cannot be read"),
    ],
)
def test_what_is_wrong_with_a_stream(body: bytes, says: str) -> None:
    """Errors stand in a line; a stream that was not done says so."""
    error = parse(body).error
    assert error is not None
    assert error["message"] == says


def test_a_stream_that_broke_off_is_no_error_of_the_api() -> None:
    """Its outcome says so."""
    assert parse(lines(piece(content="x")) + b'{"mess', whole=False).error is None


def test_an_error_has_a_text() -> None:
    """Also where the type says lines."""
    parsed = parse(b'{"error": "model \'x\' not found"}', status=404)
    assert parsed.error == {"message": "model 'x' not found", "details": "model 'x' not found"}
    assert not parsed.streaming


def test_embeddings_show_what_they_are_made_of() -> None:
    """Each text, and the tokens of all."""
    parsed = PROVIDERS["ollama"].parse(
        make_exchange(
            path="/api/embed",
            request={"model": "e", "input": ["one", "two"]},
            response={"model": "e", "embeddings": [[0.5], [0.5]], "prompt_eval_count": 4},
        )
    )
    assert (parsed.operation, parsed.preview["prompt"], parsed.tokens["input"]) == ("ollama.embed", "one two", 4)


def test_a_conversation_has_its_images_calls_and_results() -> None:
    """Roles, system instructions and tools."""
    request = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look.", "images": ["iVBORw0KGgo="]},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [{"function": {"name": "see"}}]},
            {"role": "tool", "tool_name": "see", "content": '{"found": 1}'},
        ],
        "tools": [{"type": "function", "function": {"name": "see", "description": "Sees.", "parameters": {}}}],
    }
    conversation = OLLAMA.conversation(CHAT, request, {"message": {"role": "assistant", "content": "One."}})
    assert conversation is not None
    assert conversation.system == "Be brief."
    assert [message.parts for message in conversation.messages] == [
        (Text("Look."), Media("image/png", base64="iVBORw0KGgo=")),
        (Thought("Hm."), Call("see", {})),
        (Result({"found": 1}, "see"),),
        (Text("One."),),
    ]
    assert [tool.name for tool in conversation.tools] == ["see"]


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/api/chat", "ollama.chat"),
        ("GET", "/api/tags", "ollama.tags"),
        ("POST", "/api/blobs/sha256:1", "ollama.blobs"),
        ("POST", "/v1/chat/completions", "openai.chat.completions"),
        ("GET", "/v1/models", "openai.models.list"),
        ("GET", "/", "unknown"),
    ],
)
def test_operations(method: str, path: str, operation: str) -> None:
    """Its own, and OpenAI's."""
    assert PROVIDERS["ollama"].reader.operation(method, path) == (operation, None)
