"""The sound of a Live session, put together from its messages.

A turn has only the type and the size of its sound, which came in many small chunks: see `accumulate`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gemtap.conversation.model import UNKNOWN_TYPE, Media
from gemtap.dialects.gemini_live.accumulate import message_of
from gemtap.dialects.session_sound import Spoken, assemble
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count


def sound_of(request: Json, response: Json, number: int) -> Media | None:
    """The medium with this number among all those of the turns; None where the messages do not have it.

    `request` and `response` are the bodies of the session's document.
    """
    pieces = {"user": _sent(request), "model": _received(response)}
    found = (
        Spoken(role, as_text(medium.get("mimeType")) or UNKNOWN_TYPE, count(medium.get("bytes")) or 0)
        for role, medium in _media_of_turns(response)
    )
    return assemble(found, pieces, number)


def _media_of_turns(response: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    for turn in as_list(as_dict(response).get("turns")):
        role = "model" if as_dict(turn).get("role") == "model" else "user"
        for part in as_list(as_dict(turn).get("parts")):
            medium = as_dict(part).get("inlineData")
            if isinstance(medium, dict):
                yield role, medium


def _received(response: Json) -> Iterator[str]:
    """The data of the media that the model sent, piece by piece."""
    for message in _messages(response):
        yield from _data_of(as_list(message_of(message_of(message, "serverContent"), "modelTurn").get("parts")))


def _sent(request: Json) -> Iterator[str]:
    for message in _messages(request):
        for turn in as_list(message_of(message, "clientContent").get("turns")):
            yield from _data_of(as_list(as_dict(turn).get("parts")))
        given = message_of(message, "realtimeInput")
        blobs = [*as_list(given.get("mediaChunks", given.get("media_chunks"))), given.get("audio"), given.get("video")]
        yield from (data for blob in blobs if (data := as_text(as_dict(blob).get("data"))))


def _data_of(parts: list[Json]) -> Iterator[str]:
    for part in parts:
        fields = as_dict(part)
        data = as_text(as_dict(fields.get("inlineData", fields.get("inline_data"))).get("data"))
        if data is not None:
            yield data


def _messages(body: Json) -> Iterator[Json]:
    for message in as_list(as_dict(body).get("messages")):
        yield as_dict(message).get("data")
