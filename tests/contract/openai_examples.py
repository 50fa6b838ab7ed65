"""Exchanges with OpenAI's API, and what is to be read out of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from gemtap.testing.examples import Example

MODEL: Final = "gpt-5-2025-08-07"
USAGE: Final = {
    "prompt_tokens": 12,
    "completion_tokens": 9,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
}


def events(*values: Any) -> bytes:
    """A stream as OpenAI sends it: events with their type as the event's name, if they have one."""
    lines = []
    for value in values:
        name = f"event: {value['type']}\n" if "type" in value else ""
        lines.append(f"{name}data: {json.dumps(value)}\n\n")
    return "".join(lines).encode()


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **others: Any) -> dict[str, Any]:
    """A piece of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice], **others}


CHAT: Final = Example(
    "POST",
    "/v1/chat/completions",
    "openai.chat.completions",
    model="gpt-5",
    request={"model": "gpt-5", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "seed": 1},
    response={
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Air scatters it."}, "finish_reason": "stop"}
        ],
        "usage": USAGE,
        "service_tier": "default",
    },
    tokens={"input": 12, "cached": 4, "output": 5, "reasoning": 4, "total": 21},
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)
CHAT_STREAM: Final = replace(
    CHAT,
    request={**CHAT.request, "stream": True, "stream_options": {"include_usage": True}},
    response=events(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Air "}),
        chunk({"content": "scatters it."}),
        chunk({}, "stop"),
        {**chunk({}), "choices": [], "usage": USAGE},
    )
    + b"data: [DONE]\n\n",
    content_type="text/event-stream; charset=utf-8",
)
CHAT_ERROR: Final = replace(
    CHAT,
    response={
        "error": {"message": "Rate limit reached.", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
    },
    status=429,
    tokens={},
    answer=None,
)
EMBEDDINGS: Final = Example(
    "POST",
    "/v1/embeddings",
    "openai.embeddings",
    model="text-embedding-3-small",
    request={"model": "text-embedding-3-small", "input": ["one", "two"]},
    response={
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    },
    tokens={"input": 2, "total": 2},
)
RESPONSE_USAGE: Final = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 21,
}
OUTPUT: Final[list[dict[str, Any]]] = [
    {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "**Thinking** of light"}],
        "encrypted_content": None,
    },
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Air scatters it.", "annotations": [], "logprobs": []}],
    },
]
RESPONSE: Final[dict[str, Any]] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": MODEL,
    "output": OUTPUT,
    "service_tier": "default",
    "usage": RESPONSE_USAGE,
}
RESPONSES: Final = Example(
    "POST",
    "/v1/responses",
    "openai.responses",
    model="gpt-5",
    request={
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Why is the sky blue?"}]}],
        "reasoning": {"effort": "low", "summary": "auto"},
    },
    response=RESPONSE,
    tokens={"input": 12, "cached": 4, "cache_write": 2, "output": 5, "reasoning": 4, "total": 21},
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)
BEGUN: Final = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
PIECES: Final[tuple[dict[str, Any], ...]] = (
    {"type": "response.created", "response": BEGUN, "sequence_number": 0},
    {"type": "response.in_progress", "response": BEGUN, "sequence_number": 1},
    {"type": "response.output_item.added", "output_index": 0, "item": {**OUTPUT[0], "summary": []}},
    {
        "type": "response.reasoning_summary_part.added",
        "item_id": "rs_1",
        "output_index": 0,
        "summary_index": 0,
        "part": {"type": "summary_text", "text": ""},
    },
    {
        "type": "response.reasoning_summary_text.delta",
        "item_id": "rs_1",
        "output_index": 0,
        "summary_index": 0,
        "delta": "**Thinking** of light",
    },
    {"type": "response.output_item.done", "output_index": 0, "item": OUTPUT[0]},
    {"type": "response.output_item.added", "output_index": 1, "item": {**OUTPUT[1], "content": []}},
    {
        "type": "response.content_part.added",
        "item_id": "msg_1",
        "output_index": 1,
        "content_index": 0,
        "part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
    },
    *(
        {
            "type": "response.output_text.delta",
            "item_id": "msg_1",
            "output_index": 1,
            "content_index": 0,
            "delta": text,
            "logprobs": [],
        }
        for text in ("Air ", "scatters it.")
    ),
)
"""The events of a stream up to where its text is whole, and nothing has said so."""
RESPONSES_STREAM: Final = replace(
    RESPONSES,
    request={**RESPONSES.request, "stream": True},
    response=events(
        *PIECES,
        {"type": "response.output_item.done", "output_index": 1, "item": OUTPUT[1]},
        {"type": "response.completed", "response": RESPONSE},
    ),
    content_type="text/event-stream; charset=utf-8",
)
MODELS: Final = Example("GET", "/v1/models/gpt-5", "openai.models.get", model="gpt-5", response={"id": "gpt-5"})

OPENAI: Final = (CHAT, CHAT_STREAM, CHAT_ERROR, EMBEDDINGS, MODELS, RESPONSES, RESPONSES_STREAM)
