"""Streams of operations that are no chats: images in parts, transcripts, and sound.

After https://platform.openai.com/docs/api-reference/images-streaming and the events of transcriptions and speech. Each
has a last event with the result and its usage.
"""

from __future__ import annotations

from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text

_PICTURES: Final = frozenset({"image_generation.completed", "image_edit.completed"})
_ENDS: Final = _PICTURES | {"transcript.text.done", "speech.audio.done"}
_CONTENT: Final = frozenset(
    {
        *("image_generation.partial_image", "image_edit.partial_image", "transcript.text.delta", "speech.audio.delta"),
        *_PICTURES,
    }
)

_NO_MEMBERS: Final = ("type", "b64_json")


def has_content(event: Json) -> bool:
    """Whether the event brings something of the result."""
    return as_dict(event).get("type") in _CONTENT


def accumulate(events: list[Json]) -> dict[str, Json]:
    """The answer without streaming: pictures under `data`, the text of a transcript, and the usage.

    Pieces of sound are left out, as are pictures that were not finished: they are in the stream's bytes.
    """
    response: dict[str, Json] = {}
    said: list[str] = []
    for event in events:
        fields = as_dict(event)
        kind = fields.get("type")
        if kind == "transcript.text.delta":
            said.append(as_text(fields.get("delta")) or "")
        if kind in _ENDS:
            response |= {name: value for name, value in fields.items() if name not in _NO_MEMBERS}
        if kind in _PICTURES:
            response["data"] = [*response.get("data", []), {"b64_json": fields.get("b64_json")}]
    if said and "text" not in response:
        response["text"] = "".join(said)
    return response
