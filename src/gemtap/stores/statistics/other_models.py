"""What the tokens of some traffic would cost on other models, at the prices of genai-prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypedDict

from gemtap.stores.statistics import TokenSums

USUAL: Final = (
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gpt-5",
    "gpt-5-mini",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
"""Models that traffic is compared with unless others are chosen."""

ASSUMPTION: Final = (
    "It assumes the same number of tokens of each kind, with the same ones cached, at list prices for text without "
    "long-context tiers, batches and other discounts. Tokenizers differ, and another model may need other turns."
)

_PRICES: Final = {
    "input": "input_mtok",
    "cached input": "cache_read_mtok",
    "cache writes": "cache_write_mtok",
    "output": "output_mtok",
}
"""The kinds of tokens, and how genai-prices names the prices of a million of each."""


class OtherCost(TypedDict):
    """The cost of the traffic on one model."""

    model: str
    usd: float | None
    """US dollars of all tokens that have a price; None if the model is unknown, or none of its prices are."""
    missing: dict[str, int]
    """Numbers of tokens without a price, by kind: these are not in `usd`."""


def costs_on(models: Sequence[str], tokens: TokenSums, at: datetime) -> list[OtherCost]:
    """The costs on each of these models, in this order, at the prices of a time. See `ASSUMPTION`."""
    counts = {
        "input": max(0, tokens["input"] - tokens["cached"] - tokens["cache_write"]) + tokens["tool_use"],
        "cached input": tokens["cached"],
        "cache writes": tokens["cache_write"],
        "output": tokens["output"] + tokens["reasoning"],
    }
    return [_cost_on(model, {kind: number for kind, number in counts.items() if number}, at) for model in models]


def _cost_on(model: str, counts: Mapping[str, int], at: datetime) -> OtherCost:
    # Imported here: it takes a sixth of a second, which a start should not wait for.
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, known = get_snapshot().find_provider_model(model, None, None, None)
        prices: Any = known.get_prices(at)
    except LookupError:
        return {"model": model, "usd": None, "missing": dict(counts)}
    total, missing = Decimal(0), {}
    for kind, number in counts.items():
        price = getattr(prices, _PRICES[kind])
        if price is None:
            missing[kind] = number
        else:
            # A price by tiers has a base.
            total += getattr(price, "base", price) * number / 1_000_000
    return {"model": model, "usd": float(total) if len(missing) < len(counts) else None, "missing": missing}
