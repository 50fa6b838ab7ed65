"""The sound of a session, put together from its messages: its turns have only the type and the size of it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gemtap.conversation.model import Media
from gemtap.interaction import Json
from gemtap.json_access import as_text


class Spoken(NamedTuple):
    """A sound as a turn has it."""

    role: str
    mime_type: str
    size: int
    """In bytes."""


def size_of(data: Json) -> int:
    """Bytes of what is written in Base64."""
    return len((as_text(data) or "").rstrip("=")) * 3 // 4


def assemble(sounds: Iterable[Spoken], pieces: Mapping[str, Iterator[str]], number: int) -> Media | None:
    """The sound with this number; None where the messages do not have it.

    `pieces` has by role what the messages carried, in Base64 and in the order of the sounds.
    """
    for place, sound in enumerate(sounds):
        found, size = list[str](), 0
        while size < sound.size and (piece := next(pieces[sound.role], None)) is not None:
            found.append(piece)
            size += size_of(piece)
        if place == number:
            return _joined(sound.mime_type, found) if size == sound.size and found else None
    return None


def _joined(mime_type: str, pieces: list[str]) -> Media | None:
    try:
        content = b"".join(base64.b64decode(Media(mime_type, base64=piece).standard_base64) for piece in pieces)
    except ValueError:
        return None
    return Media(mime_type, base64=base64.b64encode(content).decode("ascii"))
