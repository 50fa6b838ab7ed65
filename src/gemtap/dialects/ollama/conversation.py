"""The conversation of a chat or a completion: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import Call, Conversation, Media, Message, Part, Result, Role, Text, Thought, Tool
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, json_or_text

_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)
"""Images have no type in this API: their first bytes tell."""


def read_chat(request: Json, response: Json) -> Conversation:
    """The conversation of a chat."""
    fields = as_dict(request)
    said = [as_dict(message) for message in as_list(fields.get("messages"))]
    system = [as_text(message.get("content")) for message in said if message.get("role") == "system"]
    prompt = [message for each in said if each.get("role") != "system" and (message := _message(each))]
    answer = tuple(_parts(as_dict(as_dict(response).get("message"))))
    return Conversation(
        system="\n".join(filter(None, system)) or None,
        prompt=tuple(prompt),
        answer=Message("model", answer) if answer else None,
        tools=tuple(_tools(fields)),
    )


def read_completion(request: Json, response: Json) -> Conversation:
    """The prompt of a completion, and what came of it."""
    asked, answered = as_dict(request), as_dict(response)
    prompt = tuple(_parts({"content": asked.get("prompt"), "images": asked.get("images")}))
    answer = tuple(_parts({"content": answered.get("response"), "thinking": answered.get("thinking")}))
    return Conversation(
        system=as_text(asked.get("system")) or None,
        prompt=(Message("user", prompt),) if prompt else (),
        answer=Message("model", answer) if answer else None,
    )


def _message(message: dict[str, Json]) -> Message | None:
    role: Role = "user"
    parts: tuple[Part, ...]
    if message.get("role") == "tool":
        text = as_text(message.get("content")) or ""
        # A result is text here; what is JSON in it is read as what it is.
        name = as_text(message.get("tool_name")) or as_text(message.get("name"))
        id_ = as_text(message.get("tool_call_id"))
        role, parts = "tool", (Result(json_or_text(text), name, id_, tuple(_images(message))),)
    else:
        role = "model" if message.get("role") == "assistant" else "user"
        parts = tuple(_parts(message))
    return Message(role, parts) if parts else None


def _parts(message: dict[str, Json]) -> Iterator[Part]:
    thinking, text = as_text(message.get("thinking")), as_text(message.get("content"))
    if thinking:
        yield Thought(thinking)
    if text:
        yield Text(text)
    yield from _images(message)
    for call in as_list(message.get("tool_calls")):
        fields = as_dict(call)
        function = as_dict(fields.get("function"))
        arguments = function.get("arguments")
        yield Call(
            as_text(function.get("name")) or "", {} if arguments is None else arguments, as_text(fields.get("id"))
        )


def _images(message: dict[str, Json]) -> Iterator[Media]:
    for image in as_list(message.get("images")):
        data = as_text(image)
        if data:
            yield Media(_type_of(data), base64=data)


def _type_of(data: str) -> str:
    try:
        first = base64.b64decode(data[:8])
    except ValueError:
        return "image/*"
    return next((kind for magic, kind in _MAGIC if first.startswith(magic)), "image/*")


def _tools(request: dict[str, Json]) -> Iterator[Tool]:
    for tool in as_list(request.get("tools")):
        function = as_dict(as_dict(tool).get("function"))
        name = as_text(function.get("name"))
        if name is not None:
            yield Tool(name, as_text(function.get("description")), function.get("parameters"))
