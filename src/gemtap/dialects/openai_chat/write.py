"""Writes a conversation as a request for a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gemtap.conversation.canonical import Place, call_ids
from gemtap.conversation.model import Call, Media, Message, Text, Tool
from gemtap.conversation.schemas import to_json_schema
from gemtap.dialects.writing import Prompt, Writing, Written
from gemtap.json_access import as_json_text

PATH: Final = "/v1/chat/completions"

_SETTINGS: Final = {
    **{name: name for name in ("temperature", "top_p", "seed", "stop")},
    "max_tokens": "max_completion_tokens",
}
_SOUNDS: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_NO_PARAMETERS: Final = {"type": "object", "properties": {}}


def write(prompt: Prompt) -> Written:
    """The request."""
    writing = Writing(prompt)
    conversation = prompt.conversation
    ids = call_ids(conversation.prompt)
    messages: list[dict[str, Any]] = []
    if conversation.system is not None:
        messages.append({"role": "system", "content": conversation.system})
    for number, message in writing.messages():
        if message.role == "model":
            messages += _assistant(writing, number, message, ids)
            continue
        media: list[Any] = []
        for result, call in writing.results(number, message):
            text = as_json_text(result.content)
            messages.append({"role": "tool", "tool_call_id": ids[call], "content": text})
            media += [part for each in result.media if (part := _medium(writing, each)) is not None]
        content = [*_content(writing, message), *media]
        if content:
            messages.append({"role": "user", "content": _plain(content)})
    body: dict[str, Any] = {"model": prompt.model, "messages": messages}
    if conversation.tools:
        body["tools"] = [tool_definition(each) for each in conversation.tools]
    body |= writing.settings(_SETTINGS)
    if prompt.streaming:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return writing.finish(PATH, body)


def tool_definition(tool: Tool) -> dict[str, Any]:
    """An entry of `tools`."""
    described = {} if tool.description is None else {"description": tool.description}
    parameters = to_json_schema(tool.parameters) or _NO_PARAMETERS
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": parameters}}


def _assistant(writing: Writing, number: int, message: Message, ids: Mapping[Place, str]) -> list[dict[str, Any]]:
    calls = [
        {
            "id": ids[number, index],
            "type": "function",
            "function": {"name": part.name, "arguments": as_json_text(part.arguments)},
        }
        for index, part in enumerate(message.parts)
        if isinstance(part, Call)
    ]
    for part in message.parts:
        if isinstance(part, Media):
            writing.losses.add(f"a medium of the model ({part.kind})")
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    if not text and not calls:
        return []
    return [{"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}]


def _content(writing: Writing, message: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Text):
            found.append({"type": "text", "text": part.text})
        elif isinstance(part, Media) and (medium := _medium(writing, part)) is not None:
            found.append(medium)
    return found


def _medium(writing: Writing, media: Media) -> dict[str, Any] | None:
    if not writing.inline(media, ("image/", "application/pdf", *_SOUNDS)):
        return None
    data = media.standard_base64
    if media.kind in _SOUNDS:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _SOUNDS[media.kind]}}
    url = f"data:{media.kind};base64,{data}"
    if media.kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": "document.pdf", "file_data": url}}


def _plain(content: list[dict[str, Any]]) -> Any:
    """Texts alone as one text, which every API that speaks this dialect takes."""
    if all(part["type"] == "text" for part in content):
        return "".join(part["text"] for part in content)
    return content
