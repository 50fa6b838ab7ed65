"""The models that the simulated API lists."""

from __future__ import annotations

from typing import Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated.errors import invalid_argument
from gemtap.providers.google.simulated.faults import FAULTS

_GENERATE: Final = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
_EMBED: Final = ["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"]

_PREDICT: Final = {"imagen-": ["predict"], "veo-": ["predictLongRunning"]}
"""Methods of the model families that generate images and videos."""

_FAMILIES: Final = ("gemini-", "gemma-", "text-embedding", "embedding", *_PREDICT)
"""Prefixes of model names."""

_PAGE_SIZE: Final = 50
_LARGEST_PAGE: Final = 1_000


def is_served(model: str) -> bool:
    """Whether the model exists. The API serves more models than it lists."""
    return model.startswith(_FAMILIES) or model in FAULTS


def describe(model: str) -> Json:
    """The Model resource of an existing model."""
    embeds = "embedding" in model
    description = {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model.replace("-", " ").title(),
        "description": f"A simulation of {model}.",
        "inputTokenLimit": 2_048 if embeds else 1_048_576,
        "outputTokenLimit": 1 if embeds else 65_536,
        "supportedGenerationMethods": _EMBED if embeds else _GENERATE,
    }
    predicts = next((methods for family, methods in _PREDICT.items() if model.startswith(family)), None)
    if predicts is not None:
        return {
            **description,
            "inputTokenLimit": 480,
            "outputTokenLimit": 8_192,
            "supportedGenerationMethods": predicts,
        }
    sampling = {"temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": True}
    return description if embeds else {**description, **sampling}


_LISTED: Final = (
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.0-flash",
    "gemma-3-27b-it",
    "gemini-embedding-001",
    "text-embedding-004",
    "imagen-4.0-generate-001",
    "veo-3.0-generate-001",
)


def page(size: str, token: str) -> Json:
    """A ListModelsResponse. `size` and `token` are the query's `pageSize` and `pageToken`, or empty.

    Raises ApiError if the size is not a number or the token is from no page.
    """
    try:
        count = min(int(size or 0) or _PAGE_SIZE, _LARGEST_PAGE)
        start = _LISTED.index(token) if token else 0
    except ValueError as exc:
        raise invalid_argument() from exc
    if count < 0:
        raise invalid_argument()
    listed = {"models": [describe(model) for model in _LISTED[start : start + count]]}
    following = _LISTED[start + count : start + count + 1]
    return {**listed, "nextPageToken": following[0]} if following else listed
