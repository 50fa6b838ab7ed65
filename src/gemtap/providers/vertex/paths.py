"""What a path of Vertex AI asks for: operation and model, from method and path.

After the REST reference of Vertex AI, v1 and v1beta1: https://cloud.google.com/vertex-ai/docs/reference/rest.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from gemtap.dialects.base import UNKNOWN_OPERATION
from gemtap.dialects.gemini_interactions.paths import interactions_operation
from gemtap.dialects.gemini_live.paths import live_operation
from gemtap.dialects.openai_chat.paths import openai_operation
from gemtap.dialects.rest_paths import ON_COLLECTION, ON_ITEM, WORD

_VERSIONS: Final = frozenset({"v1", "v1beta1"})
_ANTHROPIC: Final = "anthropic"
_OF_ANTHROPIC: Final = f"{_ANTHROPIC}/"
_MESSAGES: Final = frozenset({"rawPredict", "streamRawPredict"})
_COUNTS_TOKENS: Final = f"{_OF_ANTHROPIC}count-tokens"
"""Counting tokens of any of its models looks like a model."""

COUNT_TOKENS: Final = f"{_ANTHROPIC}.count_tokens"
BILLED_MESSAGES: Final = frozenset(f"{_ANTHROPIC}.{verb}" for verb in _MESSAGES)

_PLACES: Final = frozenset({"projects", "locations"})


def read_path(method: str, path: str) -> tuple[str, str | None]:
    """The operation and, where the path names one, the model.

    Operations are `generateContent` and the other verbs of models and endpoints, else `RESOURCE.VERB` such as
    `cachedContents.create`; `unknown` where the path has no such shape. A model of Google's is `gemini-2.5-pro`, one
    of others `anthropic/claude-opus-4`, a deployed one `endpoints/123`. Requests to models of Anthropic, which have
    its Messages API, are `anthropic.rawPredict`, `anthropic.streamRawPredict` and `anthropic.count_tokens`.
    """
    match [unquote(segment) for segment in path.split("/") if segment]:
        case ["ws", *_, name]:
            return live_operation(name), None
        case [version, *segments] if version in _VERSIONS:
            return _resource(method.upper(), _in_place(segments))
        case ["upload" | "download", version, *segments] if version in _VERSIONS:
            return _resource(method.upper(), _in_place(segments))
        case _:
            return UNKNOWN_OPERATION, None


def _in_place(segments: list[str]) -> list[str]:
    """The segments after `projects/P` and `locations/L`."""
    while len(segments) > 2 and segments[0] in _PLACES:
        segments = segments[2:]
    return segments


def _resource(method: str, segments: list[str]) -> tuple[str, str | None]:
    match segments:
        case ["endpoints", _, *rest] if rest and rest[0] in ("chat", "embeddings", "completions"):
            # https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai: endpoints/openapi/chat/completions
            return openai_operation(method, rest)
        case [*collection, last]:
            name, verb = last.rsplit(":", 1) if ":" in last else (last, "")
            gaos = interactions_operation(method, [*collection, name], verb)
            return (gaos, None) if gaos is not None else _operation(method, [*collection, name], verb)
        case _:
            return UNKNOWN_OPERATION, None


def _operation(method: str, segments: list[str], verb: str) -> tuple[str, str | None]:
    """Collections and names by turns, and perhaps a verb of its own after a colon."""
    model, collections = _model(segments), segments[0::2]
    verb_of = ON_ITEM if len(segments) % 2 == 0 else ON_COLLECTION
    if model and verb and len(collections) <= 2 and WORD.fullmatch(verb):
        if not model.startswith(_OF_ANTHROPIC):
            return verb, model
        if model == _COUNTS_TOKENS:
            return COUNT_TOKENS, None
        return (f"{_ANTHROPIC}.{verb}" if verb in _MESSAGES else verb), model
    words = [*collections, verb or verb_of.get(method, "")]
    return (".".join(words), model) if all(map(WORD.fullmatch, words)) else (UNKNOWN_OPERATION, None)


def _model(segments: list[str]) -> str | None:
    match segments:
        case ["publishers", publisher, "models", name, *_] if publisher and name:
            return name if publisher == "google" else f"{publisher}/{name}"
        case [("endpoints" | "models" | "tunedModels") as kind, name, *_] if name:
            return f"{kind}/{name}"
        case _:
            return None
