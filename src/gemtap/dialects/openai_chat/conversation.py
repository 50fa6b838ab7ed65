"""OpenAI's side: the messages of chat completions, as every gateway and local server speaks them too.

After https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import Call, Conversation, Media, Message, Other, Part, Result, Role, Text, Thought, Tool
from gemtap.interaction import Json
from gemtap.json_access import items, members, read_json, word

_SYSTEM: Final = ("system", "developer")


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a chat completion, of which the first choice counts."""
    fields = members(request)
    said = [members(message) for message in items(fields.get("messages"))]
    choices = items(members(response).get("choices"))
    answer = tuple(_parts(members(members(choices[0]).get("message")))) if choices else ()
    system = [_text(message.get("content")) for message in said if message.get("role") in _SYSTEM]
    prompt = [message for each in said if each.get("role") not in _SYSTEM and (message := _message(each))]
    return Conversation(
        system="\n".join(filter(None, system)) or None,
        prompt=tuple(prompt),
        answer=Message("model", answer) if answer else None,
        tools=tuple(_tools(fields)),
    )


def _message(message: dict[str, Json]) -> Message | None:
    role: Role
    parts: tuple[Part, ...]
    match message.get("role"):
        case "tool" | "function":
            content = message.get("content")
            text = _text(content)
            # A result is text here; what is JSON in it is read as what it is.
            value = read_json(text.encode("utf-8", "replace"))
            result = text if value is None else value
            role, parts = "tool", (Result(result, word(message.get("name")), word(message.get("tool_call_id"))),)
        case "assistant":
            role, parts = "model", tuple(_parts(message))
        case _:
            role, parts = "user", tuple(_content(message.get("content")))
    return Message(role, parts) if parts else None


def _parts(message: dict[str, Json]) -> Iterator[Part]:
    """What the model says: thoughts first, then words, then calls."""
    thought = word(message.get("reasoning_content")) or word(message.get("reasoning"))
    if thought is not None:
        yield Thought(thought)
    yield from _content(message.get("content"))
    refusal = word(message.get("refusal"))
    if refusal is not None:
        yield Text(refusal)
    for call in items(message.get("tool_calls")):
        function = members(members(call).get("function"))
        yield _call(function, word(members(call).get("id")))
    if isinstance(message.get("function_call"), dict):
        yield _call(members(message["function_call"]), None)


def _call(function: dict[str, Json], id_: str | None) -> Call:
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        # Models write it, and what they write is not always JSON.
        value = read_json(arguments.encode("utf-8", "replace"))
        arguments = value if value is not None or not arguments.strip() else arguments
    return Call(word(function.get("name")) or "", {} if arguments is None else arguments, id_)


def _content(content: Json) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for part in items(content):
        fields = members(part)
        match fields.get("type"):
            case "text" | "refusal":
                text = word(fields.get("text")) or word(fields.get("refusal"))
                if text is not None:
                    yield Text(text)
            case "image_url":
                yield _image(word(members(fields.get("image_url")).get("url")) or "")
            case "input_audio":
                audio = members(fields.get("input_audio"))
                yield Media(f"audio/{word(audio.get('format')) or 'wav'}", base64=word(audio.get("data")))
            case str() as kind:
                yield Other(kind, part)


def _image(url: str) -> Media:
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        return Media(head.partition(";")[0] or "image/png", base64=data)
    return Media("image/*", uri=url)


def _text(content: Json) -> str:
    return "".join(part.text for part in _content(content) if isinstance(part, Text))


def _tools(request: dict[str, Json]) -> Iterator[Tool]:
    functions = [members(tool).get("function") for tool in items(request.get("tools"))]
    for function in [*functions, *items(request.get("functions"))]:
        fields = members(function)
        name = word(fields.get("name"))
        if name is not None:
            yield Tool(name, word(fields.get("description")), fields.get("parameters"))
