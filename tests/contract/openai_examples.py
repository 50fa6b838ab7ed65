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
MODELS: Final = Example("GET", "/v1/models/gpt-5", "openai.models.get", model="gpt-5", response={"id": "gpt-5"})

OPENAI: Final = (CHAT, CHAT_STREAM, CHAT_ERROR, EMBEDDINGS, MODELS)
