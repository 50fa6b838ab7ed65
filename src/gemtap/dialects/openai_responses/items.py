"""Items of the Responses API and of the Realtime API: messages, thoughts, calls and their results, as parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import (
    UNKNOWN_TYPE,
    Call,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Role,
    Source,
    Text,
    Thought,
)
from gemtap.dialects.openai_chat.conversation import arguments_of, image_of
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, json_or_text, one_or_many

_CALLS: Final = {
    "computer_call": ("computer", ("action", "actions")),
    "local_shell_call": ("local_shell", ("action",)),
    "shell_call": ("shell", ("action",)),
    "apply_patch_call": ("apply_patch", ("operation",)),
}
"""Calls of tools without a name that the client runs: what they are called here, and where their arguments stand."""

SYSTEM: Final = ("system", "developer")


def messages_of(items: Json) -> Iterator[Message]:
    """The messages that an input holds, but for those of the system: each run of the model's items is one."""
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    model: list[Part] = []
    for item in one_or_many(items):
        fields = as_dict(item)
        role, parts = role_of(fields), tuple(parts_of(fields))
        if role == "model":
            model += parts
            continue
        if model:
            yield Message("model", tuple(model))
            model = []
        if role is not None and parts:
            yield Message(role, parts)
    if model:
        yield Message("model", tuple(model))


def system_of(items: Json) -> Iterator[str]:
    """The texts of the system's messages among the items."""
    for item in as_list(items):
        fields = as_dict(item)
        if fields.get("role") in SYSTEM:
            yield "".join(part.text for part in parts_of(fields) if isinstance(part, Text))


def role_of(item: dict[str, Json]) -> Role | None:
    """Whose an item is; None for the system's."""
    if "role" in item and item.get("type", "message") == "message":
        role = item["role"]
        return None if role in SYSTEM else "model" if role == "assistant" else "user"
    kind = str(item.get("type"))
    if kind.endswith("_output") and kind != "program_output" and item.get("execution") != "server":
        return "tool"
    return "user" if kind in ("mcp_approval_response", "item_reference") else "model"


def parts_of(item: dict[str, Json]) -> Iterator[Part]:
    """The parts of one item."""
    kind = item.get("type", "message" if "role" in item else None)
    id_ = as_text(item.get("call_id"))
    match kind:
        case "message":
            yield from _contents(item.get("content"))
        case "reasoning":
            # Some models show all of it, others a summary.
            said = _texts(item.get("content")) or _texts(item.get("summary"))
            sealed = as_text(item.get("encrypted_content"))
            if said:
                yield Thought(said)
            elif sealed:
                yield Thought("", sealed=sealed, form="openai_responses")
        case "function_call":
            yield Call(as_text(item.get("name")) or "", arguments_of(item.get("arguments")), id_)
        case "custom_tool_call":
            yield Call(as_text(item.get("name")) or "", item.get("input"), id_)
        case str() if kind in _CALLS:
            name, places = _CALLS[kind]
            yield Call(name, next((item[place] for place in places if item.get(place)), None), id_)
        case str() if kind.endswith("_call_output"):
            content, media = _output(item.get("output"))
            yield Result(content, as_text(item.get("name")), id_, media)
        case "image_generation_call" if as_text(item.get("result")):
            yield Media(f"image/{as_text(item.get('output_format')) or 'png'}", base64=as_text(item["result"]))
        case str():
            yield Other(kind, item)


def _contents(contents: Json) -> Iterator[Part]:
    if isinstance(contents, str):
        if contents:
            yield Text(contents)
        return
    for content in one_or_many(contents):
        fields = as_dict(content)
        match fields.get("type"):
            case "input_text" | "output_text" | "text" | "refusal":
                text = as_text(fields.get("text")) or as_text(fields.get("refusal"))
                if text is not None:
                    yield Text(text)
                sources = tuple(_sources(as_list(fields.get("annotations"))))
                if sources:
                    yield Grounding((), tuple(dict.fromkeys(sources)))
            case "reasoning_text" | "summary_text":
                if (text := as_text(fields.get("text"))) is not None:
                    yield Thought(text)
            case str() as kind:
                yield media_of(kind, fields) or Other(kind, content)


def media_of(kind: str, fields: dict[str, Json]) -> Media | None:
    """An image, a file or a sound of a message; None for anything else."""
    match kind:
        case "input_image" | "computer_screenshot":
            url = as_text(fields.get("image_url"))
            return image_of(url) if url else Media("image/*", uri=as_text(fields.get("file_id")))
        case "input_file":
            data = as_text(fields.get("file_data"))
            if data and data.startswith("data:"):
                return image_of(data)
            uri = as_text(fields.get("file_url")) or as_text(fields.get("file_id"))
            return Media(_type_of(as_text(fields.get("filename"))), uri=None if data else uri, base64=data)
        case "input_audio" if isinstance(fields.get("input_audio"), dict):
            audio = as_dict(fields["input_audio"])
            return Media(f"audio/{as_text(audio.get('format')) or 'wav'}", base64=as_text(audio.get("data")))
        case _:
            return None


def _type_of(filename: str | None) -> str:
    return "application/pdf" if filename and filename.lower().endswith(".pdf") else UNKNOWN_TYPE


def _sources(annotations: list[Json]) -> Iterator[Source]:
    for annotation in annotations:
        fields = as_dict(annotation)
        kind = (as_text(fields.get("type")) or "citation").removesuffix("_citation")
        title = as_text(fields.get("title")) or as_text(fields.get("filename"))
        uri = as_text(fields.get("url")) or as_text(fields.get("file_id"))
        if title is not None or uri is not None:
            yield Source(kind, title, uri)


def _output(output: Json) -> tuple[Json, tuple[Media, ...]]:
    """What a tool gave back: its media apart from the rest."""
    if isinstance(output, str):
        return json_or_text(output), ()
    parts = list(_contents(output))
    media = tuple(part for part in parts if isinstance(part, Media))
    if isinstance(output, list) and parts:
        texts = [part.text for part in parts if isinstance(part, Text)]
        if len(texts) + len(media) == len(parts):
            return "\n".join(texts), media
    return (None if media else output), media


def _texts(contents: Json) -> str:
    return "\n".join(text for each in as_list(contents) if (text := as_text(as_dict(each).get("text"))))
