"""Usage metadata by modality: `promptTokensDetails` and its like."""

from __future__ import annotations

from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, count

_TEXTUAL: Final = ("TEXT", "MODALITY_UNSPECIFIED")

_PRICED_APART: Final = {
    ("promptTokensDetails", "AUDIO"): "input_audio_tokens",
    ("promptTokensDetails", "IMAGE"): "input_image_tokens",
    ("promptTokensDetails", "VIDEO"): "input_video_tokens",
    ("cacheTokensDetails", "AUDIO"): "cache_audio_read_tokens",
    ("cacheTokensDetails", "IMAGE"): "cache_image_read_tokens",
    ("cacheTokensDetails", "VIDEO"): "cache_video_read_tokens",
    ("candidatesTokensDetails", "AUDIO"): "output_audio_tokens",
    ("candidatesTokensDetails", "IMAGE"): "output_image_tokens",
    ("responseTokensDetails", "AUDIO"): "output_audio_tokens",
    ("responseTokensDetails", "IMAGE"): "output_image_tokens",
}
"""Where usage metadata have tokens with prices of their own, and what genai-prices calls them."""


def media_tokens(usage: Json) -> int | None:
    """Tokens of the prompt that are not text; None where none are counted."""
    counted = [
        count(as_dict(each).get("tokenCount")) or 0
        for each in as_list(as_dict(usage).get("promptTokensDetails"))
        if as_dict(each).get("modality") not in _TEXTUAL
    ]
    return sum(counted) if counted else None


def priced_apart(usage: Json) -> dict[str, int]:
    """Tokens that have prices of their own, by the name that genai-prices has for them."""
    found: dict[str, int] = {}
    for (where, modality), name in _PRICED_APART.items():
        for each in as_list(as_dict(usage).get(where)):
            if as_dict(each).get("modality") == modality:
                found[name] = found.get(name, 0) + (count(as_dict(each).get("tokenCount")) or 0)
    return found
