"""The conversation of `contents` and `candidates`.

After https://ai.google.dev/api/caching#Content. The API takes names in `snake_case` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gemtap.conversation.model import Aside, BuiltInTool, Conversation, Message, Part, Result, Role, Thought, Tool
from gemtap.dialects.gemini_content.grounding import grounding_of
from gemtap.dialects.gemini_content.parts import either, read_parts
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many
from gemtap.reuse import read_once

_DECLARATIONS: Final = ("functionDeclarations", "function_declarations")


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a request and its response. Only the first candidate counts."""
    fields = as_dict(request)
    candidates = as_list(as_dict(response).get("candidates"))
    answer = tuple(_answer(as_dict(candidates[0]))) if candidates else ()
    return Conversation(
        system=system_text(either(fields, "systemInstruction", "system_instruction")),
        prompt=tuple(message for content in contents_of(fields) for message in read_message(content)),
        answer=Message("model", answer) if answer else None,
        tools=tuple(declared_tools(fields.get("tools"))),
        built_in=tuple(built_in_tools(fields.get("tools"))),
        cache=as_text(either(fields, "cachedContent", "cached_content")),
    )


def contents_of(request: dict[str, Json]) -> list[Json]:
    """The contents of a request."""
    contents = request.get("contents")
    # A text may come without the objects around it.
    if isinstance(contents, str):
        return [{"role": "user", "parts": [{"text": contents}]}]
    return one_or_many(contents)


def _answer(candidate: dict[str, Json]) -> Iterator[Part]:
    for message in read_message(candidate.get("content")):
        yield from message.parts
    yield from beside_answer(candidate)


def beside_answer(candidate: dict[str, Json]) -> Iterator[Part]:
    """Members of a response besides its content."""
    grounding = grounding_of(candidate)
    if grounding is not None:
        yield grounding
    logprobs = candidate.get("logprobsResult")
    if logprobs:
        yield Aside("logprobsResult", logprobs)


@read_once
def read_message(content: Json) -> tuple[Message, ...]:
    """The message of a content; two where tool results and words of a person stand together, none of an empty one."""
    fields = as_dict(content)
    parts = list(read_parts(fields.get("parts")))
    if fields.get("role") == "model":
        return _message("model", _without_repetition(parts))
    results = [part for part in parts if isinstance(part, Result)]
    return (*_message("tool", results), *_message("user", [part for part in parts if not isinstance(part, Result)]))


def _without_repetition(parts: list[Part]) -> list[Part]:
    """The parts. Beside thoughts in words, the encrypted ones are left out: a stream ends with their signature."""
    thoughts = [part for part in parts if isinstance(part, Thought)]
    if not any(thought.text for thought in thoughts):
        return parts
    return [part for part in parts if not isinstance(part, Thought) or part.text]


def _message(role: Role, parts: Iterable[Part]) -> tuple[Message, ...]:
    kept = tuple(parts)
    return (Message(role, kept),) if kept else ()


def system_text(content: Json) -> str | None:
    """The text of a system instruction: a text, a content, parts, or a list of these."""
    if isinstance(content, str):
        return content or None
    if isinstance(content, list):
        return "\n".join(filter(None, map(system_text, content))) or None
    fields = as_dict(content)
    texts = (as_text(as_dict(part).get("text")) for part in (fields, *one_or_many(fields.get("parts"))))
    return "\n".join(filter(None, texts)) or None


def declared_tools(tools: Json) -> Iterator[Tool]:
    """The functions that are declared."""
    for tool in one_or_many(tools):
        yield from _declared(tool)


@read_once
def _declared(tool: Json) -> tuple[Tool, ...]:
    found = []
    for declaration in one_or_many(either(as_dict(tool), *_DECLARATIONS)):
        fields = as_dict(declaration)
        name = as_text(fields.get("name"))
        if name is not None:
            schema = either(fields, "parametersJsonSchema", "parameters_json_schema")
            found.append(Tool(name, as_text(fields.get("description")), schema or fields.get("parameters")))
    return tuple(found)


def built_in_tools(tools: Json) -> Iterator[BuiltInTool]:
    """What Google itself runs and is on: each member of a tool that declares no functions."""
    for tool in one_or_many(tools):
        for name, settings in as_dict(tool).items():
            if name not in _DECLARATIONS and settings is not None:
                yield BuiltInTool(name, settings)
