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


def extra_cost(model: str | None, tokens: int, at: datetime) -> float | None:
    """US dollars that input tokens cost more without the cache, at base prices; None if a price is unknown."""
    prices = _prices(model, at) if model is not None else None
    if prices is None or prices.input_mtok is None or prices.cache_read_mtok is None:
        return None
    return float((_base(prices.input_mtok) - _base(prices.cache_read_mtok)) * tokens / 1_000_000)


def _prices(model: str, at: datetime) -> Any:
    """The prices of a model; None if it is unknown."""
    # Imported here: it takes a sixth of a second, which a start should not wait for.
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, None, None)[1].get_prices(at)
    except LookupError:
        return None


def _base(price: Any) -> Decimal:
    """A price by tiers of the context has a base."""
    base: Decimal = getattr(price, "base", price)
    return base


def _cost_on(model: str, counts: Mapping[str, int], at: datetime) -> OtherCost:
    prices = _prices(model, at)
    if prices is None:
        return {"model": model, "usd": None, "missing": dict(counts)}
    total, missing = Decimal(0), {}
    for kind, number in counts.items():
        price = getattr(prices, _PRICES[kind])
        if price is None:
            missing[kind] = number
        else:
            total += _base(price) * number / 1_000_000
    return {"model": model, "usd": float(total) if len(missing) < len(counts) else None, "missing": missing}
