"""Gemini's Interactions API: an `input`, and the steps that the model goes through to answer it.

After https://ai.google.dev/api/interactions-api. The API keeps conversations itself: an interaction may name the one
that it goes on from, and then has nothing of it in its own request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Conversation,
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
    Tool,
)
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many

_MEDIA: Final = ("image", "audio", "video", "document")


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a request for an interaction and of what became of it."""
    fields, interaction = as_dict(request), as_dict(response)
    # Asked for with its input, an interaction has that among its steps.
    steps = (step for each in as_list(interaction.get("steps")) if (step := as_dict(each)).get("type") != "user_input")
    answer = tuple(part for step in steps for part in _step(step))
    return Conversation(
        system=_system(fields.get("system_instruction")),
        prompt=tuple(_messages(fields.get("input"))),
        answer=Message("model", answer) if answer else None,
        tools=tuple(_tools(one_or_many(fields.get("tools")))),
        built_in=tuple(_built_in_tools(one_or_many(fields.get("tools")))),
        id=as_text(interaction.get("id")),
        previous=as_text(fields.get("previous_interaction_id")),
        cache=as_text(fields.get("cached_content")),
    )


def read_outcome(response: Json) -> Conversation | None:
    """What an interaction that is looked up has answered; None if it has not yet.

    Its prompt is in its creation, which it continues. Later turns go on from here, where the answer is.
    """
    found = read({}, response)
    return replace(found, previous=found.id) if found.answer is not None and found.id is not None else None


def _messages(asked: Json) -> Iterator[Message]:
    """A text, contents that make up one message together, or turns and steps that are a message each."""
    entries = asked if isinstance(asked, list) else [asked]
    if all(isinstance(entry, str) or _is_content(as_dict(entry)) for entry in entries):
        parts = tuple(part for entry in entries for part in _contents([entry]))
        if parts:
            yield Message("user", parts)
        return
    for entry in entries:
        step = as_dict(entry)
        parts = tuple(_step(step))
        if parts:
            yield Message(_role(step), parts)


def _is_content(entry: dict[str, Json]) -> bool:
    return entry.get("type") in ("text", *_MEDIA) and "role" not in entry


def _role(step: dict[str, Json]) -> Role:
    kind = str(step.get("type"))
    if kind.endswith("_result"):
        return "tool"
    is_model = step.get("role") == "model" or kind in ("model_output", "thought") or kind.endswith("_call")
    return "model" if is_model else "user"


def _step(step: dict[str, Json]) -> Iterator[Part]:
    match step.get("type"):
        case "thought":
            text = "".join(part.text for part in _contents(step.get("summary")) if isinstance(part, Text))
            signature = as_text(step.get("signature"))
            if text:
                yield Thought(text)
            elif signature:
                yield Thought("", sealed=signature, form="gemini_content")
        case "function_call":
            arguments = step.get("arguments")
            yield Call(as_text(step.get("name")) or "", {} if arguments is None else arguments, as_text(step.get("id")))
        case "function_result":
            content, media = _result(step.get("result"))
            is_error = step.get("is_error") is True
            yield Result(content, as_text(step.get("name")), as_text(step.get("call_id")), media, is_error)
        case "model_output" | "user_input":
            yield from _contents(step.get("content"))
        case str() as kind if "content" not in step:
            # What Google itself runs: searches, code, and the like.
            yield Other(kind, step)
        case _:
            yield from _contents(step.get("content"))


def _contents(contents: Json) -> Iterator[Part]:
    for content in contents if isinstance(contents, list) else [contents]:
        if isinstance(content, str):
            if content:
                yield Text(content)
            continue
        fields = as_dict(content)
        match fields.get("type"):
            case "text":
                text = as_text(fields.get("text"))
                if text is not None:
                    yield Text(text)
                yield from _grounding(as_list(fields.get("annotations")))
            case str() as kind if kind in _MEDIA:
                yield _media(kind, fields)
            case str():
                yield from _step(fields)


def _media(kind: str, fields: dict[str, Json]) -> Media:
    mime_type = as_text(fields.get("mime_type")) or f"{kind}/*"
    return Media(mime_type, uri=as_text(fields.get("uri")), base64=as_text(fields.get("data")))


def _result(result: Json) -> tuple[Json, tuple[Media, ...]]:
    """What a tool gave back: its media apart from the rest."""
    if not isinstance(result, list):
        return result, ()
    fields = [as_dict(each) for each in result]
    media = tuple(_media(str(each["type"]), each) for each in fields if each.get("type") in _MEDIA)
    return [each for each in result if as_dict(each).get("type") not in _MEDIA] if media else result, media


def _grounding(annotations: list[Json]) -> Iterator[Grounding]:
    """The sources that a text cites."""
    sources = []
    for annotation in annotations:
        fields = as_dict(annotation)
        kind = (as_text(fields.get("type")) or "citation").removesuffix("_citation")
        title = as_text(fields.get("title")) or as_text(fields.get("file_name")) or as_text(fields.get("name"))
        uri = as_text(fields.get("url")) or as_text(fields.get("document_uri")) or as_text(fields.get("source"))
        if title is not None or uri is not None:
            sources.append(Source(kind, title, uri))
    if sources:
        yield Grounding((), tuple(dict.fromkeys(sources)))


def _system(instruction: Json) -> str | None:
    return "\n".join(part.text for part in _contents(instruction) if isinstance(part, Text)) or None


def _tools(tools: list[Json]) -> Iterator[Tool]:
    for tool in tools:
        fields = as_dict(tool)
        name = as_text(fields.get("name"))
        if fields.get("type") == "function" and name is not None:
            yield Tool(name, as_text(fields.get("description")), fields.get("parameters"))


def _built_in_tools(tools: list[Json]) -> Iterator[BuiltInTool]:
    """What Google itself runs and is on."""
    for tool in tools:
        fields = as_dict(tool)
        kind = as_text(fields.get("type"))
        if kind is not None and kind != "function":
            yield BuiltInTool(kind, {name: value for name, value in fields.items() if name != "type"})
