"""Converts between the inputs, steps and events of the Interactions API and Gemini's contents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated.conversation import Object, objects, parts

_THE_MODELS: Final = ("model_output", "thought", "function_call")


def request_of(body: Object, contents: list[Json]) -> Json:
    """The GenerateContentRequest for a request to create an interaction."""
    functions = [tool for tool in objects(body.get("tools")) if tool.get("type") == "function"]
    system = body.get("system_instruction")
    return {
        "contents": contents,
        **({"systemInstruction": {"parts": [{"text": system}]}} if isinstance(system, str) else {}),
        **({"tools": [{"functionDeclarations": functions}]} if functions else {}),
        "generationConfig": body.get("generation_config") or {},
    }


def contents_of(asked: Json) -> list[Json]:
    """Convert an `input`: a text, contents that form one message, or steps with one message each."""
    if isinstance(asked, str):
        return [_user({"text": asked})]
    items = objects(asked)
    if any("content" in item or item.get("type") in ("function_result", *_THE_MODELS) for item in items):
        return [_step_content(item) for item in items]
    return [_user(*(_part(item) for item in items))] if items else []


def _user(*said: Json) -> Json:
    return {"role": "user", "parts": list(said)}


def _step_content(step: Object) -> Json:
    match step.get("type"):
        case "function_result":
            response = {"name": step.get("name"), "response": {"result": step.get("result")}}
            return _user({"functionResponse": response})
        case "function_call":
            call = {"name": step.get("name"), "args": step.get("arguments")}
            return {"role": "model", "parts": [{"functionCall": call}]}
        case kind:
            content = step.get("content")
            said = [{"text": content}] if isinstance(content, str) else [_part(each) for each in objects(content)]
            is_model = kind in _THE_MODELS or step.get("role") == "model"
            return {"role": "model" if is_model else "user", "parts": said}


def _part(item: Object) -> Json:
    if "data" in item:
        return {"inlineData": {"mimeType": item.get("mime_type"), "data": item["data"]}}
    return {"text": str(item.get("text", ""))}


def interaction(messages: Sequence[Json], common: Object) -> Json:
    """The Interaction for a sequence of GenerateContentResponses."""
    steps: list[Object] = []
    for part in _parts(messages):
        _append(steps, part)
    return {**common, "status": _status(messages, steps), "steps": steps, "usage": _usage(messages[-1])}


def _parts(messages: Sequence[Json]) -> Iterator[Object]:
    for message in messages:
        for candidate in message.get("candidates", []):
            yield from parts(candidate["content"])


def _append(steps: list[Object], part: Object) -> None:
    step = _step(part)
    if step is None:
        return
    if step["type"] == "model_output" and steps and steps[-1]["type"] == "model_output":
        steps[-1]["content"][0]["text"] += part["text"]
    else:
        steps.append(step)


def _step(part: Object) -> Object | None:
    """The step for a part, or None if the part is empty."""
    if "functionCall" in part:
        call = part["functionCall"]
        return {"type": "function_call", "id": call.get("id", call["name"]), **_named(call)}
    if part.get("thought"):
        return {"type": "thought", "summary": [{"type": "text", "text": part["text"]}]}
    return {"type": "model_output", "content": [{"type": "text", "text": part["text"]}]} if part["text"] else None


def _named(call: Object) -> Object:
    return {"name": call["name"], "arguments": call["args"]}


def _status(messages: Sequence[Json], steps: Sequence[Object]) -> str:
    if any(step["type"] == "function_call" for step in steps):
        return "requires_action"
    reasons = [each.get("finishReason") for each in messages[-1].get("candidates", [])]
    return {"STOP": "completed", "MAX_TOKENS": "incomplete"}.get(reasons[0] if reasons else "", "failed")


def _usage(message: Json) -> Json:
    metadata: dict[str, Any] = message["usageMetadata"]
    prompt = [
        {"modality": each["modality"].lower(), "tokens": each["tokenCount"]} for each in metadata["promptTokensDetails"]
    ]
    return {
        "total_input_tokens": metadata["promptTokenCount"],
        "total_output_tokens": metadata.get("candidatesTokenCount", 0),
        "total_thought_tokens": metadata.get("thoughtsTokenCount", 0),
        "total_cached_tokens": metadata.get("cachedContentTokenCount", 0),
        "total_tool_use_tokens": 0,
        "total_tokens": metadata.get("totalTokenCount", 0),
        "input_tokens_by_modality": prompt,
    }


def events(messages: Sequence[Json], document: Json) -> list[Json]:
    """The stream events of an interaction. Without a `finishReason`, `interaction.completed` is missing."""
    brief = {"id": document["id"], "object": "interaction", "model": document["model"]}
    made: list[Json] = [{"event_type": "interaction.created", "interaction": {**brief, "status": "in_progress"}}]
    open_type, index = "", -1
    for part in _parts(messages):
        step = _step(part)
        if step is None:
            continue
        if step["type"] != open_type or open_type != "model_output":
            if index >= 0:
                made.append({"event_type": "step.stop", "index": index})
            open_type, index = step["type"], index + 1
            made.append({"event_type": "step.start", "index": index, "step": _started(step)})
        made.append({"event_type": "step.delta", "index": index, "delta": _delta(step)})
    if index >= 0:
        made.append({"event_type": "step.stop", "index": index})
    if _is_finished(messages):
        over = {key: value for key, value in document.items() if key != "steps"}
        made.append({"event_type": "interaction.completed", "interaction": over})
    return made


def _started(step: Object) -> Object:
    if step["type"] == "function_call":
        return {**step, "arguments": {}}
    return {"type": step["type"]}


def _delta(step: Object) -> Json:
    match step["type"]:
        case "function_call":
            return {"type": "arguments_delta", "arguments": json.dumps(step["arguments"], ensure_ascii=False)}
        case "thought":
            return {"type": "thought_summary", "content": step["summary"][0]}
        case _:
            return step["content"][0]


def _is_finished(messages: Sequence[Json]) -> bool:
    last = messages[-1]
    return "promptFeedback" in last or any("finishReason" in each for each in last["candidates"])
