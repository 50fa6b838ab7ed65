"""The price list of the genai-prices package. Nothing is fetched: the list is the package's.

Prices change with Gemtap's release, or with the package's: each cost names the version that it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime

from gemtap.interaction import Cost, Tokens


def list_price(
    models: Iterable[tuple[str, str]], tokens: Tokens, priced_apart: Mapping[str, int], at: datetime
) -> Cost | None:
    """The cost in US dollars of the first model that has a price; None where none has one, never 0 for that.

    Each model is its maker, which may be empty, and its name. The price knows tiers by the length of the context,
    cached input, reasoning as output, and `priced_apart`: tokens of audio, images and video, by genai-prices' names. It
    does not know storage of caches, grounding, batch discounts, and what a contract says.
    """
    # Imported here: it takes a sixth of a second, which a start should not wait for.
    import genai_prices

    counted = genai_prices.Usage(**_counts(tokens, priced_apart))
    for maker, name in models:
        try:
            price = genai_prices.calc_price(counted, name, provider_id=maker, genai_request_timestamp=at)
        except (LookupError, ValueError):
            continue
        usd = float(price.total_price)
        if math.isfinite(usd) and usd > 0:
            return {"usd": usd, "source": f"genai-prices {genai_prices.__version__}"}
    return None


def _counts(tokens: Tokens, priced_apart: Mapping[str, int]) -> dict[str, int]:
    counts = {
        "input_tokens": (tokens["input"] or 0) + (tokens["tool_use"] or 0),
        "cache_read_tokens": tokens["cached"] or 0,
        "output_tokens": (tokens["output"] or 0) + (tokens["reasoning"] or 0),
        **priced_apart,
    }
    return {name: count for name, count in counts.items() if count}
