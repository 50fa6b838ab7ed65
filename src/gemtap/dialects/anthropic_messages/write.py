"""Writes a conversation as a request for a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gemtap.conversation.canonical import Place, call_ids
from gemtap.conversation.model import Call, Media, Message, Text, Tool
from gemtap.conversation.schemas import to_json_schema
from gemtap.dialects.writing import Prompt, Writing, Written
from gemtap.json_access import as_json_text

PATH: Final = "/v1/messages"

_HEADERS: Final = (("anthropic-version", "2023-06-01"),)

_SETTINGS: Final = {
    **{name: name for name in ("temperature", "top_p", "top_k", "max_tokens")},
    "stop": "stop_sequences",
}
_MAX_TOKENS: Final = 8192
"""The API demands a limit; others have none."""

_NOT_IN_AN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_NO_PARAMETERS: Final = {"type": "object", "properties": {}}


def write(prompt: Prompt) -> Written:
    """The request. Consecutive messages of the user are one, as results have to follow their calls at once."""
    writing = Writing(prompt)
    conversation = prompt.conversation
    ids = {place: _NOT_IN_AN_ID.sub("_", id_) for place, id_ in call_ids(conversation.prompt).items()}
    messages: list[dict[str, Any]] = []
    for number, message in writing.messages():
        role = "assistant" if message.role == "model" else "user"
        blocks = _blocks(writing, number, message, ids)
        if blocks and messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        elif blocks:
            messages.append({"role": role, "content": blocks})
    body: dict[str, Any] = {"model": prompt.model, "max_tokens": _MAX_TOKENS, "messages": messages}
    if conversation.system is not None:
        body["system"] = conversation.system
    if conversation.tools:
        body["tools"] = [tool_definition(each) for each in conversation.tools]
    settings = writing.settings(_SETTINGS)
    if isinstance(settings.get("stop_sequences"), str):
        settings["stop_sequences"] = [settings["stop_sequences"]]
    body |= settings
    if prompt.streaming:
        body["stream"] = True
    return writing.finish(PATH, body, headers=_HEADERS)


def tool_definition(tool: Tool) -> dict[str, Any]:
    """An entry of `tools`."""
    described = {} if tool.description is None else {"description": tool.description}
    return {"name": tool.name, **described, "input_schema": to_json_schema(tool.parameters) or _NO_PARAMETERS}


def _blocks(writing: Writing, number: int, message: Message, ids: Mapping[Place, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for result, call in writing.results(number, message):
        content: list[dict[str, Any]] = [{"type": "text", "text": as_json_text(result.content)}]
        content += [block for media in result.media if (block := _medium(writing, media)) is not None]
        found.append({"type": "tool_result", "tool_use_id": ids[call], "content": content})
    for index, part in enumerate(message.parts):
        match part:
            case Text(text) if text.strip():
                found.append({"type": "text", "text": text})
            case Media() if (block := _medium(writing, part)) is not None:
                found.append(block)
            case Call(name, arguments):
                given = arguments if isinstance(arguments, dict) else {"arguments": arguments}
                found.append({"type": "tool_use", "id": ids[number, index], "name": name, "input": given})
    return found


def _medium(writing: Writing, media: Media) -> dict[str, Any] | None:
    if not writing.inline(media, ("image/", "application/pdf")):
        return None
    kind = "image" if media.kind.startswith("image/") else "document"
    return {"type": kind, "source": {"type": "base64", "media_type": media.kind, "data": media.standard_base64}}
