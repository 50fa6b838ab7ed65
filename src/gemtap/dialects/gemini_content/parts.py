"""The parts of a content: https://ai.google.dev/api/caching#Part. The API takes names in `snake_case` as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import UNKNOWN_TYPE, Call, Media, Other, Part, Result, Text, Thought
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text, one_or_many

_BESIDE: Final = frozenset(
    {
        *("thought", "thoughtSignature", "thought_signature", "videoMetadata", "video_metadata"),
        *("mediaResolution", "media_resolution", "partMetadata", "part_metadata"),
    }
)
"""Members of a part besides its content."""


def either(fields: dict[str, Json], *names: str) -> Json:
    """The first of these members that exists: names have two spellings."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def read_parts(parts: Json) -> Iterator[Part]:
    """The parts with content. One with only a thought signature, which is an encrypted thought, is a thought."""
    for part in one_or_many(parts):
        read = _part(as_dict(part))
        if read is not None:
            yield read


def _part(part: dict[str, Json]) -> Part | None:
    for name, value in part.items():
        match name:
            case "text":
                if not isinstance(value, str) or not value:
                    continue
                return Thought(value) if part.get("thought") is True else Text(value)
            case "functionCall" | "function_call" if isinstance(value, dict):
                return Call(as_text(value.get("name")) or "", value.get("args") or {}, as_text(value.get("id")))
            case "functionResponse" | "function_response":
                return _result(as_dict(value))
            case "inlineData" | "inline_data" | "fileData" | "file_data":
                return _media(as_dict(value), either(part, "videoMetadata", "video_metadata"))
    # Tools that Google runs, such as code and searches, and future ones. They may come before a text.
    others = ((name, value) for name, value in part.items() if name not in _BESIDE and value not in (None, "", [], {}))
    other = next((Other(name, value) for name, value in others), None)
    signature = as_text(either(part, "thoughtSignature", "thought_signature"))
    return Thought("", sealed=signature, form="gemini_content") if other is None and signature else other


def _result(fields: dict[str, Json]) -> Result:
    content = fields.get("response")
    parts = list(read_parts(fields.get("parts")))
    media = tuple(part for part in parts if isinstance(part, Media))
    if len(media) < len(parts):
        # The API takes media alone today.
        content = {"response": content, "parts": fields["parts"]}
    # The API's own form: a response has "output", or "error" if the function failed.
    is_error = as_dict(fields.get("response")).get("error") is not None
    return Result(content, as_text(fields.get("name")), as_text(fields.get("id")), media, is_error)


def _media(fields: dict[str, Json], cut: Json) -> Media:
    return Media(
        as_text(either(fields, "mimeType", "mime_type")) or UNKNOWN_TYPE,
        uri=as_text(either(fields, "fileUri", "file_uri")),
        base64=as_text(fields.get("data")),
        cut=cut,
    )
