"""Examples of exchanges with Anthropic's Messages API, in its own address and on Vertex AI."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from gemtap.testing.examples import Example

USAGE: Final = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 45,
    "output_tokens_details": {"thinking_tokens": 30},
    "service_tier": "standard",
}
TOKENS: Final = {
    "input": 1312,
    "cached": 1000,
    "cache_write": 300,
    "output": 15,
    "reasoning": 30,
    "total": 1357,
}
REQUEST: Final[dict[str, Any]] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 1024,
    "temperature": 0.5,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object", "properties": {}}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Why is the sky blue?"}]}],
}
CONTENT: Final = [
    {"type": "thinking", "thinking": "Scattering.", "signature": "EuYB=="},
    {"type": "text", "text": "Air scatters it."},
    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "sky"}},
]
MESSAGE: Final = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": CONTENT,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE,
}


def sse(*events: dict[str, Any]) -> bytes:
    """A stream as the API sends one."""
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    """A delta of a block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


EVENTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "type": "message_start",
        "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "ping"},
    delta(0, "thinking_delta", thinking="Scatter"),
    delta(0, "thinking_delta", thinking="ing."),
    delta(0, "signature_delta", signature="EuYB=="),
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    delta(1, "text_delta", text="Air "),
    delta(1, "text_delta", text="scatters it."),
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
    },
    delta(2, "input_json_delta", partial_json=""),
    delta(2, "input_json_delta", partial_json='{"at": "s'),
    delta(2, "input_json_delta", partial_json='ky"}'),
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 45, "output_tokens_details": {"thinking_tokens": 30}},
    },
    {"type": "message_stop"},
)

CREATE: Final = Example(
    "POST",
    "/v1/messages",
    "messages.create",
    model="claude-sonnet-4-5",
    request=REQUEST,
    response=MESSAGE,
    tokens=TOKENS,
    prompt="Why is the sky blue?",
    answer="Air scatters it.",
)
STREAM: Final = replace(
    CREATE, request={**REQUEST, "stream": True}, response=sse(*EVENTS), content_type="text/event-stream; charset=utf-8"
)
ERROR: Final = replace(
    CREATE,
    response={"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"},
    status=529,
    tokens={},
    answer=None,
)
COUNT: Final = replace(
    CREATE,
    path="/v1/messages/count_tokens",
    operation="messages.count_tokens",
    response={"input_tokens": 1312},
    tokens={},
    prompt=None,
    answer=None,
)
COMPLETE: Final = Example(
    "POST",
    "/v1/complete",
    "complete",
    model="claude-2.1",
    request={"model": "claude-2.1", "prompt": "\n\nHuman: Why?\n\nAssistant:", "max_tokens_to_sample": 9},
    response={"type": "completion", "id": "c", "completion": " So.", "stop_reason": "stop_sequence"},
    prompt="Why?",
    answer="So.",
)
RESULTS: Final = Example(
    "GET",
    "/v1/messages/batches/msgbatch_1/results",
    "messages.batches.results",
    response=b"".join(
        json.dumps(line).encode() + b"\n"
        for line in (
            {"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}},
            {"custom_id": "b", "result": {"type": "succeeded", "message": MESSAGE}},
        )
    ),
    content_type="application/x-jsonl",
    tokens={name: 2 * number for name, number in TOKENS.items()},
)

ANTHROPIC: Final = (CREATE, STREAM, ERROR, COUNT, COMPLETE, RESULTS)


def on_vertex(example: Example) -> Example:
    """The same exchange on Vertex AI, where the path names the model."""
    verb = "streamRawPredict" if example is STREAM else "rawPredict"
    request = {name: value for name, value in example.request.items() if name != "model"}
    return replace(
        example,
        path=f"/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5:{verb}",
        operation=f"anthropic.{verb}",
        model="anthropic/claude-sonnet-4-5",
        request={**request, "anthropic_version": "vertex-2023-10-16"},
    )


ANTHROPIC_ON_VERTEX: Final = (
    *map(on_vertex, (CREATE, STREAM, ERROR)),
    replace(
        COUNT,
        path="/v1/projects/p/locations/global/publishers/anthropic/models/count-tokens:rawPredict",
        operation="anthropic.count_tokens",
    ),
)
