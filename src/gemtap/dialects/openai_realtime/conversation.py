"""The conversation of a session: all items as the prompt."""

from __future__ import annotations

from collections.abc import Iterator

from gemtap.conversation.model import Conversation, Media, Message, Part, Text
from gemtap.dialects.openai_realtime.accumulate import PCM
from gemtap.dialects.openai_responses.conversation import built_in_tools, declared_tools
from gemtap.dialects.openai_responses.items import parts_of, role_of, system_of
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many


def read(items: list[Json], session: dict[str, Json]) -> Conversation:
    """The conversation of the items of a session, and of how it was set up."""
    tools = one_or_many(session.get("tools"))
    instructions = as_text(session.get("instructions"))
    return Conversation(
        system="\n".join(filter(None, [instructions, *system_of(items)])) or None,
        prompt=tuple(_messages(items)),
        answer=None,
        tools=tuple(declared_tools(tools)),
        built_in=tuple(built_in_tools(tools)),
        is_session=True,
    )


def _messages(items: list[Json]) -> Iterator[Message]:
    for item in items:
        fields = as_dict(item)
        role, parts = role_of(fields), tuple(_parts(fields))
        if role is not None and parts:
            yield Message(role, parts)


def _parts(item: dict[str, Json]) -> Iterator[Part]:
    """The parts of an item. A transcript comes before its sound."""
    content = item.get("content")
    if item.get("type", "message") != "message" or not isinstance(content, list):
        yield from parts_of(item)
        return
    for part in content:
        fields = as_dict(part)
        if fields.get("type") not in ("input_audio", "output_audio", "audio"):
            yield from parts_of({**item, "content": [part]})
            continue
        transcript = as_text(fields.get("transcript"))
        if transcript is not None:
            yield Text(transcript)
        if fields.get("bytes"):
            yield Media(as_text(fields.get("format")) or PCM)


def sounds(items: list[Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    """The role and the part of each sound, in the order of the conversation's media without data."""
    for item in items:
        fields = as_dict(item)
        for part in as_list(fields.get("content")):
            if as_dict(part).get("bytes"):
                yield "model" if fields.get("role") == "assistant" else "user", as_dict(part)
