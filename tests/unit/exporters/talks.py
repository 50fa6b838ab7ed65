"""The same conversations as each API has them, and the documents of their last turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gemtap.stores.base import Record
from tests.records import make_record

PICTURE: Final = "https://example.org/sky.png?size=2"
SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NOTHING: Final = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class Say:
    """What one side says in one go."""

    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    """Name and arguments."""
    results: tuple[str, ...] = ()
    """Of the calls before, in their order."""
    picture: bool = False
    encrypted: str = ""
    """What the model thinks before, as the APIs that encrypt thinking have it."""


@dataclass(frozen=True)
class Talk:
    """A conversation: the sides take turns, the user begins, and the model ends."""

    says: tuple[Say, ...]
    system: str | None = None
    tools: tuple[tuple[str, Any], ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)


def _ids(talk: Talk) -> list[list[str]]:
    """The ids of the calls of each say."""
    return [[f"call_{number}_{index}" for index in range(len(say.calls))] for number, say in enumerate(talk.says)]


def _functions(talk: Talk) -> list[dict[str, Any]]:
    return [{"name": name, "description": f"The {name}.", "parameters": schema} for name, schema in talk.tools]


def _chat(talk: Talk) -> tuple[list[Any], dict[str, Any]]:
    ids = _ids(talk)
    said: list[Any] = []
    for number, say in enumerate(talk.says):
        said += [
            {"role": "tool", "tool_call_id": id_, "content": result}
            for id_, result in zip(ids[number - 1], say.results, strict=False)
        ]
        if number % 2:
            calls = [
                {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                for id_, (name, given) in zip(ids[number], say.calls, strict=True)
            ]
            said.append({"role": "assistant", "content": say.text or None, **({"tool_calls": calls} if calls else {})})
        elif say.picture:
            image = {"type": "image_url", "image_url": {"url": PICTURE}}
            said.append({"role": "user", "content": [{"type": "text", "text": say.text}, image]})
        elif say.text:
            said.append({"role": "user", "content": say.text})
    return said[:-1], said[-1]


def openai_chat(talk: Talk) -> Record:
    prompt, answer = _chat(talk)
    system = [{"role": "developer", "content": talk.system}] if talk.system else []
    tools = [{"type": "function", "function": each} for each in _functions(talk)]
    return _record(
        talk,
        "openai",
        "openai.chat.completions",
        "/openai/v1/chat/completions",
        {"model": "gpt-5", "messages": [*system, *prompt], **({"tools": tools} if tools else {})},
        {"choices": [{"index": 0, "message": answer, "finish_reason": "stop"}]},
        "stop",
    )


def openai_responses(talk: Talk) -> Record:
    ids = _ids(talk)
    items: list[Any] = []
    for number, say in enumerate(talk.says):
        items += [
            {"type": "function_call_output", "call_id": id_, "output": result}
            for id_, result in zip(ids[number - 1], say.results, strict=False)
        ]
        if number % 2 and (say.text or say.encrypted):
            shown = [] if say.encrypted else [{"type": "summary_text", "text": "Hm."}]
            items.append({"type": "reasoning", "summary": shown, "encrypted_content": say.encrypted})
        if number % 2 and say.text:
            text = {"type": "output_text", "text": say.text, "annotations": []}
            items.append({"type": "message", "role": "assistant", "content": [text]})
        elif say.text:
            image = [{"type": "input_image", "image_url": PICTURE}] if say.picture else []
            items.append({"role": "user", "content": [{"type": "input_text", "text": say.text}, *image]})
        items += [
            {"type": "function_call", "call_id": id_, "name": name, "arguments": json.dumps(given)}
            for id_, (name, given) in zip(ids[number], say.calls, strict=True)
        ]
    answer = talk.says[-1]
    last = len(answer.calls) + bool(answer.text) + bool(answer.text or answer.encrypted)
    tools = [{"type": "function", **each} for each in _functions(talk)]
    return _record(
        talk,
        "openai",
        "openai.responses",
        "/openai/v1/responses",
        {"model": "gpt-5", "instructions": talk.system, "input": items[:-last], "tools": tools},
        {"id": "resp_1", "status": "completed", "output": items[-last:]},
        "completed",
    )


def anthropic(talk: Talk) -> Record:
    ids = _ids(talk)
    said: list[Any] = []
    for number, say in enumerate(talk.says):
        blocks: list[Any] = [
            {"type": "tool_result", "tool_use_id": id_, "content": result}
            for id_, result in zip(ids[number - 1], say.results, strict=False)
        ]
        if say.encrypted:
            blocks.append({"type": "redacted_thinking", "data": say.encrypted})
        if say.text:
            blocks.append({"type": "text", "text": say.text})
        if say.picture:
            blocks.append({"type": "image", "source": {"type": "url", "url": PICTURE}})
        blocks += [
            {"type": "tool_use", "id": id_, "name": name, "input": given}
            for id_, (name, given) in zip(ids[number], say.calls, strict=True)
        ]
        said.append({"role": "assistant" if number % 2 else "user", "content": blocks})
    tools = [
        {"name": each["name"], "description": each["description"], "input_schema": each["parameters"]}
        for each in _functions(talk)
    ]
    request = {"model": "claude-opus-5", "max_tokens": 99, "system": talk.system, "messages": said[:-1], "tools": tools}
    if talk.system is None:
        del request["system"]
    answer = {"type": "message", "role": "assistant", "content": said[-1]["content"], "stop_reason": "end_turn"}
    return _record(talk, "anthropic", "messages.create", "/anthropic/v1/messages", request, answer, "end_turn")


def ollama(talk: Talk) -> Record:
    said: list[Any] = [{"role": "system", "content": talk.system}] if talk.system else []
    for number, say in enumerate(talk.says):
        before = talk.says[number - 1].calls if number else ()
        said += [
            {"role": "tool", "tool_name": name, "content": result}
            for (name, _), result in zip(before, say.results, strict=False)
        ]
        calls = [{"function": {"name": name, "arguments": given}} for name, given in say.calls]
        if number % 2:
            made = {"tool_calls": calls} if calls else {}
            said.append({"role": "assistant", "content": say.text, "thinking": "Hm.", **made})
        elif say.picture:
            said.append({"role": "user", "content": say.text, "images": ["iVBORw0KGgo="]})
        elif say.text:
            said.append({"role": "user", "content": say.text})
    tools = [{"type": "function", "function": each} for each in _functions(talk)]
    request = {"model": "qwen3", "messages": said[:-1], "tools": tools}
    answer = {"model": "qwen3", "message": said[-1], "done": True, "done_reason": "stop"}
    return _record(talk, "ollama", "ollama.chat", "/ollama/api/chat", request, answer, "stop")


def gemini(talk: Talk) -> Record:
    contents = []
    for number, say in enumerate(talk.says):
        before = talk.says[number - 1].calls if number else ()
        parts: list[Any] = [
            {"functionResponse": {"name": name, "response": {"output": result}}}
            for (name, _), result in zip(before, say.results, strict=False)
        ]
        if say.encrypted:
            parts.append({"text": "", "thoughtSignature": say.encrypted})
        elif number % 2:
            parts.append({"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"})
        if say.text:
            parts.append({"text": say.text})
        if say.picture:
            parts.append({"fileData": {"mimeType": "image/png", "fileUri": PICTURE}})
        parts += [{"functionCall": {"name": name, "args": given}} for name, given in say.calls]
        contents.append({"role": "model" if number % 2 else "user", "parts": parts})
    request: dict[str, Any] = {"contents": contents[:-1]}
    if talk.system is not None:
        request["systemInstruction"] = {"parts": [{"text": talk.system}]}
    if talk.tools:
        request["tools"] = [
            {
                "functionDeclarations": [
                    {**each, "parameters": _in_capitals(each["parameters"])}
                    if each["parameters"]["properties"]
                    else {"name": each["name"], "description": each["description"]}
                    for each in _functions(talk)
                ]
            }
        ]
    answer = {"candidates": [{"content": contents[-1], "finishReason": "STOP"}]}
    path = "/v1beta/models/gemini-3-pro:generateContent"
    return _record(talk, "gemini", "generateContent", path, request, answer, "STOP")


def _in_capitals(schema: Any) -> Any:
    """Google's dialect of the schemas here."""
    properties = {name: {"type": each["type"].upper()} for name, each in schema["properties"].items()}
    return {**schema, "type": "OBJECT", "properties": properties}


def _record(
    talk: Talk, provider: str, operation: str, path: str, request: Any, response: Any, finish_reason: str
) -> Record:
    return make_record(
        request_raw=json.dumps(request).encode(),
        response_raw=json.dumps(response).encode(),
        request={"path": path},
        provider=provider,
        operation=operation,
        finish_reason=finish_reason,
        thread=None,
        **talk.fields,
    )


APIS: Final[dict[str, Callable[[Talk], Record]]] = {
    "openai chat": openai_chat,
    "openai responses": openai_responses,
    "anthropic": anthropic,
    "ollama": ollama,
    "gemini": gemini,
}
