"""The conversation of a session of the Live API."""

from __future__ import annotations

from collections.abc import Iterator

from gemtap.conversation.model import Conversation, Message, Text
from gemtap.dialects.gemini_content.conversation import (
    beside_answer,
    built_in_tools,
    declared_tools,
    read_message,
    system_text,
)
from gemtap.dialects.gemini_content.parts import either
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text


def read(response: Json, setup: Json) -> Conversation:
    """The conversation of a Live session: its turns, and what its first message set up."""
    fields = as_dict(as_dict(setup).get("setup"))
    turns = tuple(message for turn in as_list(as_dict(response).get("turns")) for message in _spoken(as_dict(turn)))
    return Conversation(
        system=system_text(either(fields, "systemInstruction", "system_instruction")),
        prompt=turns,
        answer=None,
        tools=tuple(declared_tools(fields.get("tools"))),
        built_in=tuple(built_in_tools(fields.get("tools"))),
        is_session=True,
    )


def _spoken(turn: dict[str, Json]) -> Iterator[Message]:
    """A turn of a session. A transcription comes before the sound, if there is one."""
    is_model = turn.get("role") == "model"
    spoken = as_text(as_dict(turn.get("outputTranscription" if is_model else "inputTranscription")).get("text"))
    if not is_model and spoken is None:
        # Results of tools are a message of their own.
        yield from read_message(turn)
        return
    said = () if spoken is None else (Text(spoken),)
    parts = (part for message in read_message(turn) for part in message.parts)
    whole = (*said, *parts, *beside_answer(turn))
    if whole:
        yield Message("model" if is_model else "user", whole)
