"""Whole exchanges in OpenAI's shapes, as Gemini has them under `/v1beta/openai`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import Parsed
from gemtap.dialects.openai_chat.conversation import read
from gemtap.dialects.openai_chat.fields import read_settings, read_tokens
from gemtap.interaction import NO_TOKENS
from tests.unit.providers.exchanges import SSE, parse

CHAT = "/v1beta/openai/chat/completions"
ASKED = {
    "model": "gemini-2.5-flash",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}],
    "temperature": 0.5,
    "reasoning_effort": "low",
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [{"type": "function"}],
    "extra_body": {"google": {"thinking_config": {"include_thoughts": True}}},
}
SETTINGS = {name: ASKED[name] for name in ("temperature", "reasoning_effort", "extra_body")}
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Rayleigh."}, "finish_reason": "stop"}
ANSWER = {"object": "chat.completion", "model": "gemini-2.5-flash", "choices": [CHOICE], "usage": USAGE}
EXPECTED: dict[str, Any] = {
    "operation": "openai.chat.completions",
    "model": "gemini-2.5-flash",
    "model_version": "gemini-2.5-flash",
    "generation_settings": SETTINGS,
    "usage_metadata": USAGE,
    "tokens": {**NO_TOKENS, "input": 7, "output": 2, "total": 9},
    "finish_reason": "stop",
}


def chunk(delta: Any, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": fields.pop("finish_reason", None)}
    return {"object": "chat.completion.chunk", "model": "gemini-2.5-flash", "choices": [choice], **fields}


def framed(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Rayleigh."}),
    chunk({}, finish_reason="stop", usage=USAGE),
]
DONE = b"data: [DONE]\n\n"


def test_a_whole_answer() -> None:
    """All fields of a response without streaming are read."""
    assert parse(path=CHAT, request=ASKED, response=ANSWER) == Parsed(**EXPECTED)


def test_a_stream_is_one_answer() -> None:
    """All fields of a stream are read as of one response."""
    assert parse(path=CHAT, request=ASKED, content_type=SSE, response=framed(*CHUNKS) + DONE) == Parsed(
        **EXPECTED,
        streaming=True,
        accumulated=ANSWER,
        first_token_end=len(framed(*CHUNKS[:2])),
    )


def test_streamed_thoughts_are_told() -> None:
    """Streamed reasoning is noted."""
    parsed = parse(path=CHAT, content_type=SSE, response=framed(chunk({"reasoning_content": "Hm"}), *CHUNKS) + DONE)
    assert parsed.reasoning_streamed


def test_a_stream_that_ends_without_a_reason_is_unfinished_unless_it_broke_off() -> None:
    """A complete stream without a finish reason is an error."""
    torn = {"path": CHAT, "content_type": SSE, "response": framed(*CHUNKS[:2]) + b'data: {"choi'}
    cut = parse(**torn | {"response": framed(*CHUNKS[:2])})
    assert cut.error == {"message": "the stream ended without a finish_reason", "details": None}
    assert cut.accumulated["choices"][0]["message"]["content"] == "Rayleigh."
    assert parse(**torn, whole=False).error is None


ERROR = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}


@pytest.mark.parametrize("response", [ERROR, [ERROR]])
@pytest.mark.parametrize("path", [CHAT, "/v1beta/openai/embeddings", "/v1beta/openai/models"])
def test_an_error_may_be_wrapped_in_an_array(path: str, response: Any) -> None:
    """An error within an array is read."""
    parsed = parse(path=path, request=ASKED, status=400, response=response)
    assert parsed.error == {"message": "API key not valid.", "details": ERROR["error"]}
    assert parsed.tokens == NO_TOKENS


@pytest.mark.parametrize("response", [framed(*CHUNKS[:2], ERROR), framed(*CHUNKS[:2], [ERROR])])
def test_an_error_in_the_stream_is_an_error_beside_what_came_before_it(response: bytes) -> None:
    """An error in a stream keeps the earlier chunks."""
    parsed = parse(path=CHAT, request=ASKED, content_type=SSE, response=response)
    assert parsed.error == {"message": "API key not valid.", "details": ERROR["error"]}
    assert parsed.accumulated["choices"][0]["message"]["content"] == "Rayleigh."


def test_embeddings_have_a_prompt_and_tokens() -> None:
    """Embeddings have a prompt and tokens."""
    parsed = parse(
        path="/v1beta/openai/embeddings",
        request={"model": "models/gemini-embedding-001", "input": ["one", "two"], "dimensions": 8},
        response={"object": "list", "data": [], "model": "gemini-embedding-001", "usage": {"prompt_tokens": 4}},
    )
    assert (parsed.operation, parsed.model) == ("openai.embeddings", "gemini-embedding-001")
    assert (parsed.preview["prompt"], parsed.tokens["input"]) == ("one two", 4)
    assert parsed.generation_settings == {"dimensions": 8}


def test_models_and_batches_have_no_settings() -> None:
    """Other operations have no generation settings."""
    assert parse(method="GET", path="/v1beta/openai/models/gemini-2.5-flash").model == "gemini-2.5-flash"
    batch = parse(path="/v1beta/openai/batches", request={"input_file_id": "f", "endpoint": "/v1/chat/completions"})
    assert (batch.operation, batch.generation_settings) == ("openai.batches.create", None)
    assert read_settings({"messages": []}) is None


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 8,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            {"input": 10, "cached": 4, "output": 3, "reasoning": 5, "total": 18},
            id="OpenAI: reasoning is a part of the completion",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 18},
            {"input": 10, "output": 3, "reasoning": 5, "total": 18},
            id="Gemini: thoughts are only in the total",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "total_tokens": 18,
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            {"input": 10, "output": 3, "reasoning": 5, "total": 18},
            id="reasoning beside the completion",
        ),
        pytest.param({"prompt_tokens": 4, "total_tokens": 4}, {"input": 4, "total": 4}, id="embeddings"),
        pytest.param({"prompt_tokens": -1, "total_tokens": "4"}, {}, id="no counts"),
        pytest.param(None, {}, id="none"),
    ],
)
def test_usage_becomes_token_counts(usage: Any, tokens: dict[str, int]) -> None:
    """Usage is converted to token counts."""
    assert read_tokens(usage) == {**NO_TOKENS, **tokens}


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}], "Why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "This"}, {"type": "image_url"}]}], "This"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "[image/*]"),
        ([{"role": "user", "content": "Why?"}, {"role": "tool", "content": "42"}], "⟵ result"),
        ([{"role": "function", "name": "f", "content": "42"}], "⟵ f"),
        ([{"role": "user", "content": "Why?"}, {"role": "user", "content": None}], "Why?"),
        ([1, None, {"role": "user", "content": {}}], None),
        ([{"role": "user", "content": "a" * 300}], "a" * 199 + "…"),
    ],
)
def test_the_prompt_is_the_last_message_that_is_not_the_models(messages: Any, prompt: str | None) -> None:
    """The preview shows the last message that is not the model's."""
    assert preview_of(read({"messages": messages}, None))["prompt"] == prompt


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"content": "\nOne.\nTwo."}, "One."),
        ({"content": None, "refusal": "No."}, "No."),
        (
            {"tool_calls": [{"function": {"name": "f", "arguments": '{"x": 1}'}}, {"function": {"name": "g"}}]},
            "f(x=1), g()",
        ),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}, "f()"),
        ({}, None),
        (None, None),
    ],
)
def test_the_answer_is_its_first_line_else_its_calls(message: Any, answer: str | None) -> None:
    """The preview shows the first line of the answer, or its calls."""
    assert preview_of(read(None, {"choices": [{"message": message}]}))["answer"] == answer
