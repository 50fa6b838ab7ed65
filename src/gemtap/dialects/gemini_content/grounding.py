"""What Gemini says that an answer is based on, beside its content.

After `GroundingMetadata`, `UrlContextMetadata` and `CitationMetadata` in https://ai.google.dev/api/generate-content and
in Vertex AI's reference, which calls the sources of citations `citations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import Grounding, Source
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text

_QUERIES: Final = ("webSearchQueries", "imageSearchQueries", "retrievalQueries")
_TITLES: Final = ("title", "documentName", "fileName", "displayName", "domain", "placeId", "fileSearchStore")
_ADDRESSES: Final = ("uri", "sourceUri", "imageUri", "url")


def grounding_of(candidate: Json) -> Grounding | None:
    """The searches and sources of a candidate or of a turn of a session; None if it has none."""
    fields = as_dict(candidate)
    metadata = as_dict(fields.get("groundingMetadata"))
    queries = [query for name in _QUERIES for each in as_list(metadata.get(name)) if (query := as_text(each))]
    sources = (*_chunks(metadata), *_urls(fields), *_citations(fields))
    if not queries and not sources:
        return None
    return Grounding(tuple(dict.fromkeys(queries)), tuple(dict.fromkeys(sources)))


def _chunks(metadata: dict[str, Json]) -> Iterator[Source]:
    """Each chunk has one member, named by its kind: `web`, `retrievedContext`, `maps`, `image`."""
    for chunk in as_list(metadata.get("groundingChunks")):
        for kind, value in as_dict(chunk).items():
            if isinstance(value, dict):
                yield Source(kind, _first(value, _TITLES), _first(value, _ADDRESSES), as_text(value.get("text")))


def _urls(candidate: dict[str, Json]) -> Iterator[Source]:
    for each in as_list(as_dict(candidate.get("urlContextMetadata")).get("urlMetadata")):
        fields = as_dict(each)
        uri, status = as_text(fields.get("retrievedUrl")), as_text(fields.get("urlRetrievalStatus"))
        if uri is not None:
            yield Source("url", uri=uri, note=status)


def _citations(candidate: dict[str, Json]) -> Iterator[Source]:
    metadata = as_dict(candidate.get("citationMetadata"))
    for each in (*as_list(metadata.get("citationSources")), *as_list(metadata.get("citations"))):
        fields = as_dict(each)
        yield Source(
            "citation", as_text(fields.get("title")), as_text(fields.get("uri")), as_text(fields.get("license"))
        )


def _first(fields: dict[str, Json], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := as_text(fields.get(name)))), None)
