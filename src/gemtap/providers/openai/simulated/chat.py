"""Chat completions of the simulated API."""

from __future__ import annotations

from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many
from gemtap.providers.openai.simulated.answers import Answer, Question, answer, pieces_of, text_of

_CREATED: Final = 1_780_000_000


def question_of(body: dict[str, Json]) -> Question:
    """What a request asks."""
    messages = [as_dict(message) for message in as_list(body.get("messages"))]
    said = next((text_of(each.get("content")) for each in reversed(messages) if each.get("role") == "user"), "")
    results: list[str] = []
    for message in reversed(messages):
        if message.get("role") not in ("tool", "function"):
            break
        results.insert(0, text_of(message.get("content")))
    tools = [
        {"type": "custom", **as_dict(tool.get("custom"))}
        if tool.get("type") == "custom"
        else as_dict(tool.get("function"))
        for tool in map(as_dict, one_or_many(body.get("tools")))
    ]
    schema = as_dict(as_dict(body.get("response_format")).get("json_schema")).get("schema")
    tools = [] if body.get("tool_choice") == "none" else tools
    return Question(said, results, tools, messages, schema, thinks="reasoning_effort" in body)


def usage_of(found: Answer) -> dict[str, Any]:
    """Usage as chat completions tell it."""
    written = found.output_tokens + found.reasoning_tokens
    return {
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": found.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": found.prompt_tokens // 128 * 64, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": found.reasoning_tokens, "audio_tokens": 0},
    }


def complete(body: dict[str, Json]) -> dict[str, Any]:
    """The answer to a request without streaming."""
    found = answer(question_of(body))
    message: dict[str, Any] = {"role": "assistant", "content": found.text or None, "refusal": None, "annotations": []}
    if found.calls:
        message["tool_calls"] = _calls(found)
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": _reason(found)}
        for index in range(_choices(body))
    ]
    return {**_head(body, found, "chat.completion"), "choices": choices, "usage": usage_of(found)}


def stream(body: dict[str, Json]) -> list[dict[str, Any]]:
    """The chunks of a streamed answer."""
    found = answer(question_of(body))
    head = _head(body, found, "chat.completion.chunk")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if found.text else None, "refusal": None}]
    deltas += [{"content": piece} for piece in pieces_of(found.text)]
    for index, call in enumerate(_calls(found)):
        kind = call["type"]
        inside, text = dict(call[kind]), "input" if kind == "custom" else "arguments"
        pieces = pieces_of(inside.pop(text))
        deltas.append({"tool_calls": [{"index": index, **call, kind: {**inside, text: ""}}]})
        deltas += [{"tool_calls": [{"index": index, kind: {text: piece}}]} for piece in pieces]
    chunks = [
        {**head, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}]}
        for delta in deltas
        for index in range(_choices(body))
    ]
    chunks += [
        {**head, "choices": [{"index": index, "delta": {}, "logprobs": None, "finish_reason": _reason(found)}]}
        for index in range(_choices(body))
    ]
    if as_dict(body.get("stream_options")).get("include_usage"):
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**head, "choices": [], "usage": usage_of(found)})
    return chunks


def _choices(body: dict[str, Json]) -> int:
    wanted = body.get("n")
    return wanted if isinstance(wanted, int) and 1 <= wanted <= 8 else 1


def _head(body: dict[str, Json], found: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{found.id}",
        "object": kind,
        "created": _CREATED,
        "model": as_text(body.get("model")) or "gpt-5",
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _reason(found: Answer) -> str:
    return "tool_calls" if found.calls else "stop"


def _calls(found: Answer) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        if call.is_custom
        else {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in found.calls
    ]
