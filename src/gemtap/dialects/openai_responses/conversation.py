"""The conversation of a response: its input, and the items that the model has put out.

The API keeps conversations itself: a response may name the one before it, or a conversation, and then has nothing of
what was said before in its own request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gemtap.conversation.model import BuiltInTool, Conversation, Message, Tool
from gemtap.dialects.openai_responses.items import messages_of, parts_of, system_of
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a request for a response and of what became of it."""
    fields, answer = as_dict(request), answer_of(response)
    tools = one_or_many(fields.get("tools"))
    held = _conversation_id(fields.get("conversation"))
    return Conversation(
        system=_system(fields),
        prompt=tuple(messages_of(fields.get("input"))),
        answer=answer,
        tools=tuple(declared_tools(tools)),
        built_in=tuple(built_in_tools(tools)),
        id=as_text(as_dict(response).get("id")),
        previous=as_text(fields.get("previous_response_id")) or held,
        held_in=held,
    )


def read_outcome(response: Json) -> Conversation | None:
    """What a response that is looked up has answered; None if it has not yet.

    Its prompt is in its creation, which it continues. Later turns go on from here, where the answer is.
    """
    found = read({}, response)
    return replace(found, previous=found.id) if found.answer is not None and found.id is not None else None


def answer_of(response: Json) -> Message | None:
    """What the model has put out."""
    parts = tuple(part for item in as_list(as_dict(response).get("output")) for part in parts_of(as_dict(item)))
    return Message("model", parts) if parts else None


def _conversation_id(value: Json) -> str | None:
    return as_text(value) or as_text(as_dict(value).get("id"))


def _system(request: dict[str, Json]) -> str | None:
    instructions = request.get("instructions")
    first = [instructions] if isinstance(instructions, str) else [*system_of(instructions)]
    return "\n".join(filter(None, [*first, *system_of(request.get("input"))])) or None


def declared_tools(tools: list[Json]) -> Iterator[Tool]:
    """The tools that the client runs."""
    for tool in tools:
        fields = as_dict(tool)
        name = as_text(fields.get("name"))
        match fields.get("type"):
            case "function" | "custom" as kind if name is not None:
                takes_text = kind == "custom"
                schema = fields.get("format" if takes_text else "parameters")
                yield Tool(name, as_text(fields.get("description")), schema, takes_text)
            case "namespace":
                yield from declared_tools(as_list(fields.get("tools")))


def built_in_tools(tools: list[Json]) -> Iterator[BuiltInTool]:
    """What the API itself runs and is on."""
    for tool in tools:
        fields = as_dict(tool)
        kind = as_text(fields.get("type"))
        if kind is not None and kind not in ("function", "custom", "namespace"):
            yield BuiltInTool(kind, {name: value for name, value in fields.items() if name != "type"})
