"""All of what pages show the beginning of: texts, values as JSON, and the long texts in values."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

from gemtap.conversation.canonical import paired
from gemtap.conversation.model import Aside, Call, Conversation, Grounding, Other, Result, Text, Thought
from gemtap.conversation.server_tools import shown_as
from gemtap.dashboard.conversation_view import part_at, part_of
from gemtap.dashboard.markup import language_of
from gemtap.interaction import Json

SYSTEM: Final = "system"
"""Names the system instruction where parts have a number."""


class Whole(NamedTuple):
    """All of what a page shows the beginning of."""

    text: str
    language: str | None
    """Language of code, empty if it is unknown; None for other text."""


def whole_of(conversation: Conversation, number: str, member: str | None = None) -> Whole | None:
    """The whole text of a part or of the `system` instruction, or one member of a call's arguments or of a result.

    None if there is none.
    """
    if number == SYSTEM:
        return None if conversation.system is None else Whole(conversation.system, None)
    match part_of(conversation, number):
        case Text(text) | Thought(text):
            return Whole(text, None)
        case Call() as part:
            return whole_value(part.arguments, member)
        case Result() as part:
            return whole_value(part.content, member, _call_of(conversation, number))
        case Other() as part:
            told = shown_as(part)
            return whole_value(told.value, member) if told.language is None else Whole(str(told.value), told.language)
        case Aside(value=value):
            return whole_value(value, member)
        case Grounding() as part:
            return whole_value([asdict(source) for source in part.sources])
    return None


def whole_value(value: Json, member: str | None = None, call: Call | None = None) -> Whole | None:
    """The whole of a value, or of a member with a long text. None if there is no such member."""
    if member is not None:
        return next((Whole(f.value, f.language) for f in fields_of(value, call) if f.text and f.name == member), None)
    if isinstance(value, str):
        return Whole(value, None)
    return Whole(json.dumps(value, ensure_ascii=False, indent=2), "json")


def _call_of(conversation: Conversation, number: str) -> Call | None:
    """The call that a result answers."""
    message, index = map(int, number.split("-"))
    place = paired(conversation.messages).get((message, index))
    call = None if place is None else part_at(conversation, place)
    return call if isinstance(call, Call) else None


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a call's arguments or of a result."""

    name: str
    value: Json
    text: bool
    """Whether the value is a long text, which reads badly as JSON."""
    language: str
    """Language of the text, if a file name beside it reveals it."""


def fields_of(value: Json, call: Call | None = None) -> list[Field]:
    """The members of an object with long texts. Empty for any other value, which is shown as JSON.

    The `call` of a result tells which file its text came from.
    """
    if not isinstance(value, dict) or len(value) > _MOST_FIELDS:
        return []
    texts = {name for name, each in value.items() if isinstance(each, str) and ("\n" in each or len(each) > 100)}
    beside = call.arguments if call is not None and isinstance(call.arguments, dict) else value
    path = next((beside[name] for name in _PATHS if isinstance(beside.get(name), str)), None)
    return [Field(n, v, n in texts, language_of(path) if n in texts else "") for n, v in value.items()] if texts else []


_PATHS: Final = ("path", "file_path", "filePath", "filename", "file", "absolute_path", "target_file")
"""Names that agents' tools use for the path of a file."""

_MOST_FIELDS: Final = 30
