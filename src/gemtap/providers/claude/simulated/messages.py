"""The simulated Messages API: one request becomes the script of its response.

The name of a model selects deliberate faults: `error-STATUS` answers with an error of that status, such as
`error-529`. The others fail in streams:

| model | what happens |
|---|---|
| `fault-midstream-error` | an `error` event after the first deltas, inside a response with status 200 |
| `fault-disconnect` | the connection is dropped after the first deltas |
| `fault-stall` | the first deltas, then nothing until the client disconnects |
| `fault-bad-input` | the input of a call is no JSON, as fine-grained streaming allows |
| `fault-refusal`, `fault-max-tokens`, `fault-pause` | the complete answer with that stop reason |
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict
from gemtap.providers.claude.simulated.answers import answer_to
from gemtap.providers.claude.simulated.caching import PromptCache
from gemtap.simulation.script import Begin, Disconnect, Pause, Script, Send, Stall

_ERRORS: Final = {
    400: ("invalid_request_error", "max_tokens: Field required"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}

_STOPS: Final = {"fault-refusal": "refusal", "fault-max-tokens": "max_tokens", "fault-pause": "pause_turn"}

_SLICE: Final = 24
"""Letters of a delta."""

_BEGINNING: Final = 4
"""Events before a stream fails."""


def error(status: int, message: str | None = None) -> Script:
    """An error of the API."""
    kind, said = _ERRORS.get(status, ("api_error", "Internal server error"))
    return document(_error(kind, message or said), status)


def document(value: Json, status: int = 200) -> Script:
    """A JSON body."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return [Begin(status, "application/json", len(body), _HEADERS), Send(body)]


_HEADERS: Final = (
    ("request-id", "req_simulated"),
    ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "4000"),
)


def answer(request: dict[str, Json], model: str, cache: PromptCache, *, stream: bool, pace: float) -> Script:
    """A message, or an error."""
    if (found := re.fullmatch(r"error-(\d{3})", model)) is not None:
        return error(int(found[1]))
    if not isinstance(request.get("messages"), list) or not request["messages"]:
        return error(400, "messages: at least one message is required")
    made = message(request, model, cache)
    if not stream:
        return document(made)
    steps: Script = [Begin(200, "text/event-stream; charset=utf-8", None, _HEADERS)]
    for number, event in enumerate(_events(made, bad_input=model == "fault-bad-input")):
        if number == _BEGINNING:
            match model:
                case "fault-midstream-error":
                    return [*steps, Send(_frame(_error(*_ERRORS[529])))]
                case "fault-disconnect":
                    return [*steps, Disconnect()]
                case "fault-stall":
                    return [*steps, Stall()]
        steps += [Pause(pace), Send(_frame(event))]
    return steps


def message(request: dict[str, Json], model: str, cache: PromptCache) -> dict[str, Any]:
    """The whole message."""
    content, stop_reason = answer_to(request)
    written = sum(len(json.dumps(block)) // 4 for block in content)
    thinking = sum(len(block["thinking"]) // 4 for block in content if block["type"] == "thinking")
    searches = sum(block["type"] == "server_tool_use" for block in content)
    usage = {
        **cache.usage(request),
        "output_tokens": written,
        "service_tier": "standard",
        **({"output_tokens_details": {"thinking_tokens": thinking}} if thinking else {}),
        **({"server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 0}} if searches else {}),
    }
    return {
        "id": f"msg_{hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": _STOPS.get(model, stop_reason),
        "stop_sequence": None,
        "usage": usage,
    }


def _events(made: dict[str, Any], *, bad_input: bool) -> Iterator[dict[str, Any]]:
    usage = made["usage"]
    begun = {**made, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    begun["usage"].pop("output_tokens_details", None)
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(made["content"]):
        start, deltas = _cut(block, bad_input=bad_input)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    told = {
        name: usage[name] for name in ("output_tokens", "output_tokens_details", "server_tool_use") if name in usage
    }
    stop = {"stop_reason": made["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": told}
    yield {"type": "message_stop"}


def _cut(block: dict[str, Any], *, bad_input: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins, and the deltas that complete it."""
    match block["type"]:
        case "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in _slices(block["text"])]
            cited = [{"type": "citations_delta", "citation": each} for each in block.get("citations", [])]
            return {"type": "text", "text": ""}, [*cited, *deltas]
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _slices(block["thinking"])]
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
        case "tool_use" | "server_tool_use":
            text = json.dumps(block["input"])
            pieces = _slices(text[:-2] if bad_input else text)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]]
            return {**block, "input": {}}, deltas
        case _:
            return block, []


def _slices(text: str) -> list[str]:
    return [text[start : start + _SLICE] for start in range(0, len(text), _SLICE)]


def _frame(event: Json) -> bytes:
    kind = as_dict(event).get("type")
    return f"event: {kind}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def _error(kind: str, said: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_simulated"}
