"""The simulated Gemini API without a network: turns a request into the script of its response.

It serves the paths of the Gemini API, its OpenAI-compatible paths, Vertex AI and Code Assist. `live` has the Live API.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gemtap.demo import errors
from gemtap.demo.call import Call
from gemtap.demo.errors import ApiError
from gemtap.demo.script import Script
from gemtap.demo.surfaces import (
    batches,
    code_assist,
    files,
    generation,
    interactions,
    media,
    openai,
    resources,
    uploads,
)
from gemtap.demo.wire import error_script
from gemtap.demo.world import World

Surface = Callable[[Call, World], Script]

_V: Final = r"/+(?P<version>v1|v1beta|v1alpha)"
_MODEL: Final = (
    rf"(?:{_V}/models|/+(?P<vertex>v1|v1beta1)(?:/projects/[^/]+/locations/[^/]+)?/publishers/google/models)"
    r"/(?P<model>[^/:]+)"
)
_COLLECTION: Final = rf"{_V}/(?P<collection>cachedContents|fileSearchStores|tunedModels|batches|auth_tokens)"
_ITEM: Final = rf"{_COLLECTION}/(?P<id>[^/:]+)"
_FILE: Final = rf"{_V}/files/(?P<id>[^/:]+)"
_INTERACTION: Final = rf"{_V}/interactions/(?P<id>[^/:]+)"
_CODE_ASSIST: Final = r"/+v1internal"

_ROUTES: Final[list[tuple[str, re.Pattern[str], Surface]]] = [
    (method, re.compile(path), surface)
    for method, path, surface in (
        ("GET", rf"{_V}/models", generation.list_models),
        ("GET", _MODEL, generation.get_model),
        ("POST", rf"{_MODEL}:(?P<operation>generateContent|streamGenerateContent)", generation.generate_content),
        ("POST", rf"{_MODEL}:countTokens", generation.count_tokens),
        ("POST", rf"{_MODEL}:embedContent", generation.embed_content),
        ("POST", rf"{_MODEL}:batchEmbedContents", generation.batch_embed_contents),
        ("POST", rf"{_MODEL}:batchGenerateContent", batches.create),
        ("POST", rf"{_MODEL}:predict", media.predict),
        ("POST", rf"{_MODEL}:predictLongRunning", media.predict_long_running),
        ("GET", rf"{_V}/(?P<name>models/[^/]+/operations/[^/:]+)", resources.get_operation),
        ("POST", rf"/+upload{_V}/files", uploads.upload),
        ("PUT", rf"/+upload{_V}/files", uploads.upload),
        ("GET", rf"{_V}/files", files.list_files),
        ("GET", _FILE, files.get_file),
        ("DELETE", _FILE, files.delete_file),
        ("GET", rf"(?:/+download)?{_FILE}:download", files.download),
        ("POST", rf"{_V}/batches/(?P<id>[^/:]+):cancel", batches.cancel),
        ("GET", _COLLECTION, resources.list_all),
        ("POST", _COLLECTION, resources.create),
        ("GET", _ITEM, resources.get),
        ("PATCH", _ITEM, resources.update),
        ("DELETE", _ITEM, resources.delete),
        ("POST", rf"{_V}/interactions", interactions.create),
        ("GET", _INTERACTION, interactions.get),
        ("DELETE", _INTERACTION, interactions.delete),
        ("POST", rf"{_INTERACTION}/cancel", interactions.cancel),
        ("POST", rf"{_V}/openai/chat/completions", openai.chat_completions),
        ("POST", rf"{_V}/openai/embeddings", openai.embeddings),
        ("GET", rf"{_V}/openai/models", openai.list_models),
        ("GET", rf"{_V}/openai/models/(?:models/)?(?P<model>[^/:]+)", openai.get_model),
        ("POST", rf"{_CODE_ASSIST}:(?P<method>\w+)", code_assist.call_method),
    )
]


def respond(call: Call, world: World) -> Script:
    """The script of the response to a call."""
    try:
        if not uploads.continues(call):
            call.credential()
        return _dispatch(call, world)
    except ApiError as error:
        return error_script(error.code, error.body, call.error_form)


def _dispatch(call: Call, world: World) -> Script:
    for method, path, surface in _ROUTES:
        place = path.fullmatch(call.path) if method == call.received.method else None
        if place is not None:
            names = {name: value for name, value in place.groupdict().items() if value is not None}
            return surface(replace(call, names=names), world)
    raise errors.not_found()
