"""A conversation as pages show it: new messages marked, calls beside their results, long texts shortened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from gemtap.conversation import canonical
from gemtap.conversation.canonical import Place, paired
from gemtap.conversation.model import (
    Aside,
    Call,
    Conversation,
    Other,
    Part,
    Result,
    Text,
    Thought,
)
from gemtap.conversation.preview import call_form
from gemtap.conversation.preview import shorten as shortened
from gemtap.dashboard.filters import pretty
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of

SHOWN: Final = 12_000
"""Characters of a part that a page shows at first. The rest is loaded on request."""

_MOST: Final = 40
"""Maximum number of messages that a page shows at first."""

ROOM: Final = 25_000
"""Characters that a page shows at first, so that it has less than 100 kB. Parts after them are shown briefly."""

_BRIEF: Final = 200
"""Characters of a text that is shown briefly. Other parts have only their title then."""

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
            asked = part_at(conversation, call) if call is not None else None
            if isinstance(asked, Call):
                shown = replace(shown, call=asked)
            result = results.get(place)
            if result is not None and result[0] < last:
                shown = replace(shown, result=shorten(part_at(conversation, result), result))
                room -= _shown_size(part_at(conversation, result), longest)
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


def part_at(conversation: Conversation, place: Place) -> Part:
    """The part at a place that exists."""
    return conversation.messages[place[0]].parts[place[1]]


def part_of(conversation: Conversation, number: str) -> Part | None:
    """The part with the number `MESSAGE-PART`, or `MESSAGE-PART-MEDIUM` for a medium of a result, or None."""
    try:
        message, index, *inside = map(int, number.split("-"))
        if min(message, index, *inside) < 0 or len(inside) > 1:
            return None
        part = part_at(conversation, (message, index))
        if not inside:
            return part
        return part.media[inside[0]] if isinstance(part, Result) else None
    except (ValueError, IndexError):
        return None
