"""The values that templates show of recorded documents, made in workers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from gemtap.conversation import Conversation, cache_miss
from gemtap.conversation.added import first_new_for_reader
from gemtap.conversation.changes import changes_between
from gemtap.conversation.model import Media
from gemtap.conversation.sound import WAV, is_raw_sound, wav_of
from gemtap.dashboard import conversation_view, inline_charts, replay_form, shown_media, whole_parts
from gemtap.dashboard.added import added_of
from gemtap.dashboard.environment import Site, fill_in
from gemtap.dashboard.filters import pretty
from gemtap.dashboard.snippets import snippets_of
from gemtap.dashboard.thread_rows import first_said
from gemtap.interaction import Interaction, Json, Side, summary, to_json
from gemtap.providers.documents import conversation_of, session_medium
from gemtap.stores.statistics.other_models import extra_cost

_LONGEST_PART: Final = 2_000_000
"""Maximum characters of a message that a page shows."""

_REMINDER: Final = 1_200
"""Characters of a resent text, shown as context for the new messages."""


class NotThere(Exception):
    """The document has no such thing. The message says so in a sentence."""


def fill_in_recorded(
    site: Site,
    template: str,
    make_context: Callable[..., dict[str, Any]],
    args: tuple[Any, ...],
    shared: dict[str, Any],
) -> str:
    """A page of recorded content: `make_context` is one of the functions below. Raises NotThere."""
    return fill_in(site, template, make_context(*args) | shared)


Tab = Literal["conversation", "request", "response", "headers", "timing", "cost"]
"""The views of an interaction."""

_OUTLINED: Final = 6
"""Messages from which on a page has an outline of them."""


def interaction(document: Interaction, tap: str, desk: str, tab: Tab = "conversation") -> dict[str, Any]:
    """The page of an interaction: the messages of a conversation, or the bodies of any other exchange."""
    conversation = conversation_view.merged(document)
    shown = to_json(summary(document) if conversation is not None else document)
    response = document["response"]
    if conversation is not None:
        for side, part in (("request", document["request"]), ("response", response)):
            if part is not None:
                shown[side]["body"] = None if part["body"] is None else ""
    context: dict[str, Any] = {
        "document": shown,
        "conversation": conversation,
        "binary": _binary_sides(document),
        "bands": inline_charts.token_bands(document["tokens"]),
        "sources": inline_charts.context_bands(document.get("context")),
        "fall": inline_charts.waterfall(
            document["request_duration_ms"], dict(document["timing"]), response.get("chunks") if response else None
        ),
        "snippets": snippets_of(document, tap, desk),
        "session": response is not None and response["status"] == 101,
        "tab": tab,
        "tabs": get_args(Tab),
        "outline": [],
        **replay_form.fields_of(document),
    }
    if conversation is not None and tab == "conversation":
        count = len(conversation.messages)
        fresh_from = first_new_for_reader(conversation, document["thread"])
        # The new messages, after a few earlier ones for context.
        first = conversation_view.first_shown(conversation, min(fresh_from, count - 1) - 2, count)
        context |= {
            "first": first,
            "fresh_from": fresh_from,
            "messages": conversation_view.shown_messages(conversation, first, count, fresh_from, resent=_REMINDER),
        }
        if len(context["messages"]) >= _OUTLINED:
            context["outline"] = conversation_view.outline_of(context["messages"])
    return context


def _binary_sides(document: Interaction) -> list[str]:
    """The sides whose body is binary, which `to_json` encodes as base64."""
    bodies = {"request": document["request"], "response": document["response"]}
    return [side for side, part in bodies.items() if part is not None and isinstance(part["body"], bytes)]


def messages(document: Interaction, before: int) -> dict[str, Any]:
    """The messages before a given one."""
    conversation = _merged(document)
    last = min(before, len(conversation.messages))
    first = conversation_view.first_shown(conversation, 0, last)
    fresh_from = first_new_for_reader(conversation, document["thread"])
    return {
        "document": {"id": str(document["_id"])},
        "first": first,
        "last": last,
        "messages": conversation_view.shown_messages(conversation, first, last, fresh_from),
    }


def added(document: Interaction) -> dict[str, Any]:
    """The messages that a turn added to its thread."""
    return {"document": to_json(summary(document)), "added": added_of(document)}


def said(documents: Sequence[Interaction]) -> dict[str, Any]:
    """The messages that each of these turns added to its thread, and the thread's title if the first is among them."""
    conversation = conversation_of(documents[0]) if documents else None
    title = None if conversation is None else first_said(conversation)
    return {"title": title, "said": {str(document["_id"]): added_of(document) for document in documents}}


def part(document: Interaction, number: str, member: str | None) -> dict[str, Any]:
    """All of a shortened part, of a body or of the details of an error, or of one of their members."""
    if number in ("request", "response", "error"):
        value = _beside_messages(document, number)
        found = None if value is None else whole_parts.whole_value(value, member)
    else:
        found = whole_parts.whole_of(_merged(document), number, member)
    if found is None:
        raise NotThere("There is no such text in this interaction.")
    text, cut = found.text[:_LONGEST_PART], max(0, len(found.text) - _LONGEST_PART)
    return {"document": {"id": str(document["_id"])}, "text": text, "language": found.language, "cut": cut}


def _beside_messages(document: Interaction, name: str) -> Json:
    """The body of the `request` or `response`, or the details of the `error`. None if it is binary or missing."""
    if name == "error":
        return None if document["error"] is None else document["error"]["details"]
    side = document["request"] if name == "request" else document["response"]
    body = side["body"] if side is not None else None
    return None if isinstance(body, bytes) else body


def tool(document: Interaction, number: int) -> dict[str, Any]:
    """The definition of one of the tools."""
    tools = _merged(document).tools
    if not 0 <= number < len(tools):
        raise NotThere("There is no such tool in this interaction.")
    return {"document": {"id": str(document["_id"])}, "tool": tools[number], "number": number}


def raw(document: Interaction, side: Side) -> dict[str, Any]:
    """A body as text."""
    found = document[side]
    if found is None or found["body"] is None or isinstance(found["body"], bytes):
        raise NotThere(f"The {side} of this interaction has no text.")
    return {"document": {"id": str(document["_id"])}, "side": side, "shown": pretty(found["body"])}


def changes(before: Interaction, after: Interaction, others: list[dict[str, Any]]) -> dict[str, Any]:
    """What the client changed between two turns; `others` are the turns to choose from."""
    first, second = _both(before, after)
    if after["thread"] is not None and all(item["id"] != str(before["_id"]) for item in others):
        others = [to_json(summary(before)), *others]
    found = changes_between(first, second, _settings(before), _settings(after))
    gap = after["timestamp"] - before["timestamp"]
    miss = cache_miss.miss_between(_counts(before), _counts(after), found, second, gap)
    return {
        "before": to_json(summary(before)),
        "after": to_json(summary(after)),
        "others": others,
        "changes": found,
        "cached_minimums": (cache_miss.MINIMUM, cache_miss.LARGEST_MINIMUM),
        "miss_gap": gap.total_seconds() * 1000,
        "miss": miss,
        "miss_cost": extra_cost(after["model"], miss.tokens, after["timestamp"]) if miss is not None else None,
    }


def change(before: Interaction, after: Interaction, number: int) -> dict[str, Any]:
    """One of the changes, by its place among all of them."""
    found = changes_between(*_both(before, after), _settings(before), _settings(after)).all
    if not 0 <= number < len(found):
        raise NotThere("There is no such change between these two turns.")
    return {"before": to_json(summary(before)), "after": to_json(summary(after)), "change": found[number]}


def _both(before: Interaction, after: Interaction) -> tuple[Conversation, Conversation]:
    first, second = conversation_of(before), conversation_of(after)
    if first is None or second is None:
        raise NotThere("One of the two is not a conversation.")
    return first, second


def _counts(document: Interaction) -> cache_miss.Turn:
    tokens = document["tokens"]
    return cache_miss.Turn(document["model"], tokens["input"], tokens["cached"])


def comparison(before: Interaction, after: Interaction) -> dict[str, Any]:
    """The answers of two interactions side by side."""
    return {"sides": [_side(before), _side(after)], "document": to_json(summary(after))}


def _side(document: Interaction) -> dict[str, Any]:
    conversation = conversation_view.merged(document)
    messages: list[conversation_view.ShownMessage] = []
    if conversation is not None and conversation.answer is not None:
        count = len(conversation.messages)
        messages = conversation_view.shown_messages(
            conversation, count - 1, count, count - 1, room=conversation_view.ROOM // 4
        )
    body = document["response"]["body"] if document["response"] is not None and conversation is None else None
    return {
        "item": to_json(summary(document)),
        "messages": messages,
        "body": None if isinstance(body, bytes) else body,
        "settings": _settings(document),
    }


def _settings(document: Interaction) -> Mapping[str, Json]:
    settings = document["generation_settings"]
    return {"model": document["model"], **(settings if isinstance(settings, dict) else {"settings": settings})}


class Medium(NamedTuple):
    """The bytes of an image, a sound or a document that stands in a message."""

    kind: str
    """As `shown_media.media_kind` says."""
    mime_type: str
    content: bytes


def medium(document: Interaction, number: str) -> Medium:
    """The medium that `MESSAGE-PART` or `MESSAGE-PART-MEDIUM` names; plain samples of sound as a WAV file."""
    conversation = _merged(document)
    found = conversation_view.part_of(conversation, number)
    if isinstance(found, Media) and conversation.is_session and shown_media.is_elsewhere(found):
        found = session_medium(document, shown_media.session_media(conversation, number))
    if not isinstance(found, Media) or found.base64 is None:
        raise NotThere("There is no such media file in this interaction.")
    try:
        content = base64.b64decode(found.standard_base64)
    except (binascii.Error, ValueError):
        raise NotThere("The data in this message is not valid Base64.") from None
    if is_raw_sound(found.mime_type):
        return Medium("audio", WAV, wav_of(found.mime_type, content))
    return Medium(shown_media.media_kind(found), found.mime_type, content)


def _merged(document: Interaction) -> Conversation:
    conversation = conversation_view.merged(document)
    if conversation is None:
        raise NotThere("This interaction is not a conversation.")
    return conversation
