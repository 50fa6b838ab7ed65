"""Pictures, films and music that were asked for with a prompt: Imagen, Veo, Lyria.

They are asked for by `:predict` and `:predictLongRunning`, and films are fetched as the result of an operation. See
https://ai.google.dev/gemini-api/docs/imagen, https://ai.google.dev/gemini-api/docs/video, and for Vertex AI
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import Conversation, Media, Message, Other, Part, Text
from gemtap.dialects.gemini_content.parts import either
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many

_PREDICT: Final = frozenset({"predict", "predictLongRunning", "fetchPredictOperation"})

_DATA: Final = ("bytesBase64Encoded", "encodedVideo", "videoBytes", "imageBytes", "audioContent")
_ADDRESSES: Final = ("gcsUri", "uri")
_TYPES: Final = ("mimeType", "mime_type", "encoding")
_UNTYPED: Final = {"predict": "image/png", "audioContent": "audio/wav"}
"""What media are whose type the API leaves out; else they are films."""

_FILTERED: Final = ("raiFilteredReason", "raiMediaFilteredReasons")
"""Why media were withheld."""

_DEEPEST: Final = 8


def makes_media(operation: str) -> bool:
    """Whether an operation generates or fetches media."""
    return operation in _PREDICT or operation.endswith("operations.get")


def read_generated(operation: str, request: Json, response: Json) -> Conversation | None:
    """The prompt and the generated media; None for other predictions or operations."""
    prompt = tuple(_prompt(one_or_many(as_dict(request).get("instances"))))
    answer = tuple(_answer(operation, as_dict(response)))
    if not any(isinstance(part, Text) for part in prompt) and not answer:
        return None
    return Conversation(
        system=None,
        prompt=(Message("user", prompt),) if prompt else (),
        answer=Message("model", answer) if answer else None,
    )


def _prompt(instances: list[Json]) -> Iterator[Part]:
    for instance in instances:
        fields = as_dict(instance)
        text = as_text(fields.get("prompt"))
        if text is not None:
            yield Text(text)
            yield from _media("predict", fields)


def _answer(operation: str, response: dict[str, Json]) -> Iterator[Part]:
    found = list(_media(operation, response))
    yield from found
    if not found and operation == "predictLongRunning" and as_text(response.get("name")):
        yield Other("operation", response["name"])


def _media(operation: str, value: Json, depth: int = 0) -> Iterator[Part]:
    """All media in a value: each model and each API has them at another place."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in as_list(value):
            yield from _media(operation, each, depth + 1)
        return
    fields = as_dict(value)
    data, uri = as_text(either(fields, *_DATA)), as_text(either(fields, *_ADDRESSES))
    if data is not None or uri is not None:
        untyped = _UNTYPED.get("audioContent" if "audioContent" in fields else operation, "video/mp4")
        yield Media(as_text(either(fields, *_TYPES)) or untyped, uri=uri, base64=data)
    for name, each in fields.items():
        if name in _FILTERED and each:
            yield Other(name, each)
        elif isinstance(each, dict | list):
            yield from _media(operation, each, depth + 1)
