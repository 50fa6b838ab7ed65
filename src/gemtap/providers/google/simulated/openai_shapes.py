"""Converts between OpenAI's chat completions and Gemini's contents.

https://platform.openai.com/docs/api-reference/chat, as far as Gemini's compatible paths support it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated.conversation import Object, member, objects, parts

_SYSTEM: Final = ("system", "developer")

_FINISH: Final = {"STOP": "stop", "MAX_TOKENS": "length"}

_DATA_URL: Final = re.compile(r"data:(?P<mime_type>[^;,]*);base64,(?P<data>.*)", re.DOTALL)


def request_of(body: Object) -> Json:
    """The GenerateContentRequest for a chat completion request."""
    messages = objects(body.get("messages"))
    names = {
        call.get("id"): _function(call).get("name") for each in messages for call in objects(each.get("tool_calls"))
    }
    spoken = [_content(each, names) for each in messages if each.get("role") not in _SYSTEM]
    system = [part for each in messages if each.get("role") in _SYSTEM for part in _parts(each.get("content"))]
    functions = [_function(tool) for tool in objects(body.get("tools"))]
    # The OpenAI-compatible paths return no thoughts.
    config: Object = {"thinkingConfig": {"includeThoughts": False}}
    if member(body.get("response_format"), "type") in ("json_object", "json_schema"):
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = member(member(body["response_format"], "json_schema"), "schema") or {}
    return {
        "contents": spoken,
        **({"systemInstruction": {"parts": system}} if system else {}),
        **({"tools": [{"functionDeclarations": functions}]} if functions else {}),
        **({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}} if body.get("tool_choice") == "none" else {}),
        "generationConfig": config,
    }


def _content(message: Object, names: dict[Any, Any]) -> Json:
    match message.get("role"):
        case "tool":
            name = names.get(message.get("tool_call_id"))
            result = {"name": name, "response": {"result": message.get("content")}}
            return {"role": "user", "parts": [{"functionResponse": result}]}
        case "assistant":
            calls = [_function_call(_function(call)) for call in objects(message.get("tool_calls"))]
            return {"role": "model", "parts": [*_parts(message.get("content")), *calls]}
        case _:
            return {"role": "user", "parts": _parts(message.get("content"))}


def _parts(content: Json) -> list[Json]:
    if isinstance(content, str):
        return [{"text": content}]
    return [_part(each) for each in objects(content)]


def _part(item: Object) -> Json:
    url = _DATA_URL.fullmatch(str(member(item.get("image_url"), "url")))
    if url is not None:
        return {"inlineData": {"mimeType": url["mime_type"], "data": url["data"]}}
    return {"text": str(item.get("text", ""))}


def _function(tool: Object) -> Object:
    function = tool.get("function")
    return function if isinstance(function, dict) else {}


def _function_call(function: Object) -> Json:
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (TypeError, ValueError):
        arguments = {}
    return {"functionCall": {"name": function.get("name"), "args": arguments}}


def completion(message: Json, created: int) -> Json:
    """The `chat.completion` for a GenerateContentResponse."""
    said = _said(message, 0)
    choice = {"finish_reason": _finish_reason(message, bool(said.get("tool_calls"))), "index": 0, "message": said}
    return _envelope(message, created, "chat.completion", [choice], with_usage=True)


def chunks(messages: Sequence[Json], *, created: int, with_usage: bool) -> list[Json]:
    """The `chat.completion.chunk`s of a stream. If `with_usage`, one more chunk has the usage."""
    made = []
    calls = 0
    for message in messages:
        delta = _said(message, calls)
        calls += len(delta.get("tool_calls", []))
        choice = {"delta": delta, "finish_reason": _finish_reason(message, calls > 0), "index": 0}
        made.append(_envelope(message, created, "chat.completion.chunk", [choice], with_usage=False))
    if with_usage:
        made.append(_envelope(messages[-1], created, "chat.completion.chunk", [], with_usage=True))
    return made


def _envelope(message: Json, created: int, kind: str, choices: list[Json], *, with_usage: bool) -> Json:
    envelope = {
        "choices": choices,
        "created": created,
        "id": message["responseId"],
        "model": message["modelVersion"],
        "object": kind,
    }
    return {**envelope, "usage": _usage(message["usageMetadata"])} if with_usage else envelope


def _usage(metadata: Json) -> Json:
    return {
        # As with Google, thinking counts only towards the total.
        "completion_tokens": metadata.get("candidatesTokenCount", 0),
        "prompt_tokens": metadata["promptTokenCount"],
        "total_tokens": metadata.get("totalTokenCount", 0),
    }


def _said(message: Json, calls_before: int) -> dict[str, Any]:
    spoken = [part for candidate in message.get("candidates", []) for part in parts(candidate["content"])]
    text = "".join(part.get("text", "") for part in spoken)
    calls = [part["functionCall"] for part in spoken if "functionCall" in part]
    tool_calls = [
        {
            "index": at,
            "id": call.get("id") or f"call_{at}_{message['responseId']}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)},
        }
        for at, call in enumerate(calls, calls_before)
    ]
    said: dict[str, Any] = {"role": "assistant"}
    if text or not tool_calls:
        said["content"] = text
    return {**said, "tool_calls": tool_calls} if tool_calls else said


def _finish_reason(message: Json, calls: bool) -> str | None:
    candidates = message.get("candidates")
    if not candidates:
        return "content_filter"
    reason = candidates[0].get("finishReason")
    if reason is None:
        return None
    return "tool_calls" if calls and reason == "STOP" else _FINISH[reason]
