"""What an exchange cost, by the price list of the genai-prices package. Nothing is fetched: the list is the package's.

Prices change with Gemtap's release, or with the package's: each cost names the version that it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gemtap.interaction import Cost, Json, Tokens

_FREE: Final = frozenset({"countTokens"})
"""Operations that report tokens and are not billed."""

_BY_SUBSCRIPTION: Final = frozenset({"code_assist"})

_MODALITIES: Final = {
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
"""Tokens with prices of their own: where usage metadata have them, and what the package calls them."""


def cost_of(
    *, provider: str, operation: str, models: tuple[str | None, ...], tokens: Tokens, usage: Json, at: datetime
) -> Cost | None:
    """The cost in US dollars at the list's prices of that time; None where it cannot be known, never 0 for that.

    `models` are names to look for, the most exact first: of the model that answered, of the one that was asked for.
    That is: tiers by the length of the context, cached input, reasoning as output, audio and images as such. Not in
    it: storing a cache, grounding, batch discounts, what a contract says.
    """
    if operation in _FREE or provider in _BY_SUBSCRIPTION or tokens["input"] is None:
        return None
    # Imported here: it takes a sixth of a second, which a start should not wait for.
    import genai_prices

    counted = genai_prices.Usage(**_counts(tokens, usage))
    for model in models:
        if model is None:
            continue
        maker, _, name = model.rpartition("/")
        try:
            price = genai_prices.calc_price(
                counted,
                name,
                provider_id=maker if maker not in _GOOGLES else "google",
                genai_request_timestamp=at,
            )
        except (LookupError, ValueError):
            continue
        usd = float(price.total_price)
        if math.isfinite(usd) and usd > 0:
            return {"usd": usd, "source": f"genai-prices {genai_prices.__version__}"}
    return None


_GOOGLES: Final = frozenset({"", "models", "google", "publishers/google/models"})


def _counts(tokens: Tokens, usage: Json) -> dict[str, int]:
    found = {
        "input_tokens": (tokens["input"] or 0) + (tokens["tool_use"] or 0),
        "cache_read_tokens": tokens["cached"] or 0,
        "output_tokens": (tokens["output"] or 0) + (tokens["reasoning"] or 0),
    }
    for (where, modality), name in _MODALITIES.items():
        found[name] = found.get(name, 0) + _of_modality(usage, where, modality)
    return {name: count for name, count in found.items() if count}


def _of_modality(usage: Json, where: str, modality: str) -> int:
    details: Any = usage.get(where) if isinstance(usage, Mapping) else None
    counts = [
        detail.get("tokenCount")
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, Mapping) and detail.get("modality") == modality
    ]
    return sum(count for count in counts if isinstance(count, int) and count > 0)
