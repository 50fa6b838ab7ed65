"""The sound of a session, put together from its messages: an item has only its type and size."""

from __future__ import annotations

from collections.abc import Iterator

from gemtap.conversation.model import Media
from gemtap.dialects.openai_realtime.accumulate import APPENDED, PCM, SPOKEN, kind_of, unwrapped
from gemtap.dialects.openai_realtime.conversation import sounds
from gemtap.dialects.session_sound import Spoken, assemble
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count


def sound_of(request: Json, response: Json, number: int) -> Media | None:
    """The sound with this number among those of the items; None where the messages do not have it.

    `request` and `response` are the bodies of the session's document.
    """
    pieces = {"user": _sent(request), "model": _received(response)}
    found = (
        Spoken(role, as_text(part.get("format")) or PCM, count(part.get("bytes")) or 0)
        for role, part in sounds(as_list(as_dict(response).get("items")))
    )
    return assemble(found, pieces, number)


def _received(response: Json) -> Iterator[str]:
    """The pieces of what the model spoke."""
    for event in _events(response):
        if kind_of(event) in SPOKEN and (data := as_text(event.get("delta"))):
            yield data


def _sent(request: Json) -> Iterator[str]:
    for event in _events(request):
        if kind_of(event) in APPENDED and (data := as_text(event.get("audio"))):
            yield data
        for part in as_list(as_dict(event.get("item")).get("content")):
            if as_dict(part).get("type") == "input_audio" and (data := as_text(as_dict(part).get("audio"))):
                yield data


def _events(body: Json) -> Iterator[dict[str, Json]]:
    for message in as_list(as_dict(body).get("messages")):
        yield unwrapped(as_dict(message).get("data"))
