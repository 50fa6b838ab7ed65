"""A conversation as pages show it: new messages marked, calls beside their results, long texts shortened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, NamedTuple

from gemtap.conversation import canonical
from gemtap.conversation.canonical import Place, paired
from gemtap.conversation.model import (
    Aside,
    Call,
    Conversation,
    Grounding,
    Media,
    Other,
    Part,
    Result,
    Text,
    Thought,
)
from gemtap.conversation.preview import call_form
from gemtap.conversation.preview import shorten as shortened
from gemtap.conversation.server_tools import shown_as
from gemtap.conversation.sound import is_raw_sound
from gemtap.dashboard.filters import pretty
from gemtap.dashboard.markup import language_of
from gemtap.interaction import Interaction, Json
from gemtap.providers.documents import conversation_of

SHOWN: Final = 12_000
"""Characters of a part that a page shows at first. The rest is loaded on request."""

_MOST: Final = 40
"""Maximum number of messages that a page shows at first."""

ROOM: Final = 25_000
"""Characters that a page shows at first, so that it has less than 100 kB. Parts after them are shown briefly."""

_BRIEF: Final = 200
"""Characters of a text that is shown briefly. Of other parts, only the title is shown then."""

_OF_A_VALUE: Final = 2_000
"""Characters that a page shows of the arguments of a call or the content of a result at first, about."""

_OF_A_PART: Final = 300
"""Characters of the elements around a part."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One part of a message. `number` is `MESSAGE-PART`, its name in links."""

    kind: str
    number: str
    part: Part
    cut: int
    """Number of omitted characters."""
    call: Call | None = None
    """The call of a result that is not shown beside it."""
    result: ShownPart | None = None
    """The result of a call."""
    in_session: bool = False
    """Whether it is part of a session, whose media came in many messages."""
    is_brief: bool = False
    """Whether only its title is shown, since what is before it fills the page."""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One message with its number."""

    number: int
    role: str
    fresh: bool
    """Whether this turn added it."""
    parts: tuple[ShownPart, ...]


def merged(document: Interaction) -> Conversation | None:
    """The conversation of an interaction, with the pieces of the model's texts joined; None if it is none."""
    conversation = conversation_of(document)
    return None if conversation is None else canonical.merged(conversation)


def shown_messages(
    conversation: Conversation,
    first: int,
    last: int,
    fresh_from: int,
    *,
    fresh: int = SHOWN,
    resent: int = SHOWN,
    room: int = ROOM,
) -> list[ShownMessage]:
    """The messages from `first` up to `last`, with results beside their calls if both are in this range.

    `fresh` and `resent`: characters that are shown of a text that is new, and of one that was sent again. `room`:
    characters that all of them are shown with.
    """
    pairs = paired(conversation.messages)
    # A new result is shown as new, not beside a call of an earlier turn.
    nested = {
        result: call for result, call in pairs.items() if call[0] >= first and not call[0] < fresh_from <= result[0]
    }
    results = {call: result for result, call in nested.items()}
    messages = []
    for number, message in enumerate(conversation.messages[first:last], first):
        parts, longest = [], fresh if number >= fresh_from else resent
        for index, part in enumerate(message.parts):
            place = number, index
            call = pairs.get(place)
            if place in nested:
                continue  # shown beside its call
            shown = replace(
                shorten(part, place, min(longest, max(room, _BRIEF))),
                in_session=conversation.is_session,
                is_brief=room <= 0 and isinstance(part, _VALUES),
            )
            room -= _shown_size(part, longest)
            asked = _part_at(conversation, call) if call is not None else None
            if isinstance(asked, Call):
                shown = replace(shown, call=asked)
            result = results.get(place)
            if result is not None and result[0] < last:
                shown = replace(shown, result=shorten(_part_at(conversation, result), result))
                room -= _shown_size(_part_at(conversation, result), longest)
            parts.append(shown)
        if parts:
            messages.append(ShownMessage(number, message.role, number >= fresh_from, tuple(parts)))
    return messages


def first_shown(conversation: Conversation, wanted: int, last: int, longest: int = SHOWN) -> int:
    """The first of the messages from `wanted` up to `last` that a page has room for. At least the last one is shown.

    `longest`: characters that are shown of a text.
    """
    room, first = ROOM, last
    while first > max(wanted, last - _MOST, 0):
        room -= sum(_shown_size(part, longest) for part in conversation.messages[first - 1].parts)
        if room < 0 and first < last:
            break
        first -= 1
    return first


def _shown_size(part: Part, longest: int) -> int:
    """About how many characters a page has for a part."""
    match part:
        case Text(text) | Thought(text):
            shown = min(len(text), longest)
        case Call(arguments=value) | Result(content=value) | Other(value=value) | Aside(value=value):
            shown = len(pretty(value, _OF_A_VALUE).text)
        case _:
            shown = 0
    return shown + _OF_A_PART


_VALUES: Final = (Call, Result, Other, Aside)
"""Parts with a value that may be long."""


class Entry(NamedTuple):
    """A message in an outline."""

    number: int
    title: str


def outline_of(messages: Sequence[ShownMessage]) -> list[Entry]:
    """The messages by the beginning of their first text or call."""
    return [Entry(message.number, _title_of(message)) for message in messages]


def _title_of(message: ShownMessage) -> str:
    for shown in message.parts:
        match shown.part:
            case Text(text) if text.strip():
                return shortened(text, _TITLE)
            case Call(name, arguments):
                return shortened(call_form(name, arguments), _TITLE)
            case Result(name=name):
                return f"result of {name or 'a call'}"
    return message.role


_TITLE: Final = 60


def shorten(part: Part, place: Place, longest: int = SHOWN) -> ShownPart:
    """The part, shortened to `longest` characters."""
    cut = 0
    match part:
        case Text(text) | Thought(text) if len(text) > longest:
            cut = len(text) - longest
            part = replace(part, text=text[:longest])
    return ShownPart(type(part).__name__.lower(), f"{place[0]}-{place[1]}", part, cut)


def _part_at(conversation: Conversation, place: Place) -> Part:
    return conversation.messages[place[0]].parts[place[1]]


def part_of(conversation: Conversation, number: str) -> Part | None:
    """The part with the number `MESSAGE-PART`, or `MESSAGE-PART-MEDIUM` for a medium of a result, or None."""
    try:
        message, index, *inside = map(int, number.split("-"))
        if min(message, index, *inside) < 0 or len(inside) > 1:
            return None
        part = _part_at(conversation, (message, index))
        if not inside:
            return part
        return part.media[inside[0]] if isinstance(part, Result) else None
    except (ValueError, IndexError):
        return None


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
    call = None if place is None else _part_at(conversation, place)
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


INLINE_TYPES: Final = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"),
        *("audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp3", "audio/ogg", "audio/aac", "audio/flac", "audio/mp4"),
        *("audio/webm", "video/mp4", "video/webm", "video/ogg", "application/pdf"),
    }
)
"""Types that a browser shows without running anything. SVG is excluded, since it can hold scripts."""


def is_elsewhere(media: Media) -> bool:
    """Whether neither its data nor its address are in the message: in a session they came in many."""
    return media.base64 is None and media.uri is None


def session_media(conversation: Conversation, number: str) -> int:
    """How many media that are elsewhere stand before the part with this number."""
    place = tuple(map(int, number.split("-")))
    return sum(
        (at, index) < place and isinstance(part, Media) and is_elsewhere(part)
        for at, message in enumerate(conversation.messages)
        for index, part in enumerate(message.parts)
    )


def media_kind(media: Media, *, in_session: bool = False) -> str:
    """How a medium is shown: `image`, `audio`, `video`, `pdf`, or `file` if it is only mentioned."""
    if is_raw_sound(media.mime_type) and (media.base64 is not None or (in_session and is_elsewhere(media))):
        return "audio"
    if media.base64 is None:
        return "file"
    if media.kind in INLINE_TYPES:
        return "pdf" if media.kind == "application/pdf" else media.kind.partition("/")[0]
    return "file"
