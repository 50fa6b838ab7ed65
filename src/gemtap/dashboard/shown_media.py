"""How images, sounds and documents in messages are shown."""

from __future__ import annotations

from typing import Final

from gemtap.conversation.model import Conversation, Media
from gemtap.conversation.sound import is_raw_sound

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
