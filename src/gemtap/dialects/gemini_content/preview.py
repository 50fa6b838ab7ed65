"""What lists show of operations beside those that generate content: token counts, embeddings, images, caches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gemtap.conversation.preview import preview_of
from gemtap.dialects.gemini_content.conversation import contents_of, read, read_message
from gemtap.interaction import Json, Preview
from gemtap.json_access import as_dict, one_or_many


def read_preview(request: Json, response: Json) -> Preview:
    """The last prompt, wherever the operation has it, and the beginning of the answer if it has candidates."""
    conversation = read(request, response)
    elsewhere = (message for content in _other_contents(as_dict(request)) for message in read_message(content))
    return preview_of(replace(conversation, prompt=(*conversation.prompt, *elsewhere)))


def _other_contents(fields: dict[str, Json]) -> Iterator[Json]:
    yield from contents_of(as_dict(fields.get("generateContentRequest")))  # countTokens
    yield fields.get("content")  # embedContent
    for each in one_or_many(fields.get("requests")):  # batchEmbedContents
        yield as_dict(each).get("content")
    for each in one_or_many(fields.get("instances")):  # predict: Imagen, Veo, embeddings of Vertex AI
        instance = as_dict(each)
        yield {"parts": [{"text": instance.get("prompt") or instance.get("content")}]}
