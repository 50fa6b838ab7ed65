"""What a Gemini path asks for: operation and model, from method and path.

After Google's discovery document for `generativelanguage` v1beta and the paths that its SDKs call.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from gemtap.dialects.base import UNKNOWN_OPERATION
from gemtap.dialects.gemini_interactions.paths import interactions_operation
from gemtap.dialects.gemini_live.paths import live_operation
from gemtap.dialects.openai_chat.paths import openai_operation
from gemtap.dialects.rest_paths import ON_COLLECTION, ON_ITEM, WORD

_ROOTS: Final = frozenset({"upload", "download", "ws"})
_VERSIONS: Final = frozenset({"v1", "v1beta", "v1alpha", "v1beta1"})

_MODELS: Final = frozenset({"models", "tunedModels", "dynamic"})
"""Their verbs stand alone: `generateContent`, not `models.generateContent`."""

_RESOURCES: Final = _MODELS | {
    "agents",
    "auth_tokens",
    "batches",
    "cachedContents",
    "corpora",
    "credentials",
    "decisions",
    "environments",
    "files",
    "fileSearchStores",
    "generatedFiles",
    "interactions",
    "operations",
    "triggers",
    "tuningJobs",
    "voices",
    "webhooks",
}

_NESTED: Final = frozenset({"auth_tokens", "chunks", "documents", "executions", "files", "operations", "permissions"})


def read_path(method: str, path: str) -> tuple[str, str | None]:
    """The operation and, where the path names one, the model.

    Operations are `generateContent` and the other verbs of models, else `RESOURCE.VERB` such as `files.upload`
    or `fileSearchStores.documents.list`; `unknown` where the path has no shape that is known.
    """
    segments = [unquote(segment) for segment in path.split("/") if segment]
    root = segments.pop(0) if segments and segments[0] in _ROOTS else None
    if segments and segments[0] in _VERSIONS:
        segments = segments[1:]
    match segments:
        case [*_, name] if root == "ws":
            return live_operation(name), None
        case ["openai", _, *_]:
            return openai_operation(method.upper(), segments[1:])
        case [*collection, last]:
            name, verb = last.rsplit(":", 1) if ":" in last else (last, "")
            if root == "upload" and not verb:
                verb = "upload"
            return _resource(method.upper(), [*collection, name], verb)
        case _:
            return UNKNOWN_OPERATION, None


def _resource(method: str, segments: list[str], verb: str) -> tuple[str, str | None]:
    """Google's paths: collections and names by turns, and perhaps a verb of its own after a colon."""
    model = _model(segments)
    gaos = interactions_operation(method, segments, verb)
    if gaos is not None:
        return gaos, None
    if segments[0] == "fileSearchStores":
        # Its operations of upload are the one place where two collections follow one another.
        segments = [segment for segment in segments if segment != "upload"]
    collections, on_item = segments[0::2], len(segments) % 2 == 0
    verb = verb or (ON_ITEM if on_item else ON_COLLECTION).get(method, "")
    if collections[0] not in _RESOURCES or not _NESTED.issuperset(collections[1:]) or not WORD.fullmatch(verb):
        return UNKNOWN_OPERATION, None
    if model and len(segments) == 2 and verb not in ON_ITEM.values():
        return verb, model
    return ".".join([*collections, verb]), model


def _model(segments: list[str]) -> str | None:
    if segments[0] not in _MODELS or len(segments) < 2 or not segments[1]:
        return None
    return segments[1] if segments[0] == "models" else f"{segments[0]}/{segments[1]}"
