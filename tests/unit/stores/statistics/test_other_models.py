"""What traffic would cost on other models."""

from __future__ import annotations

from datetime import UTC, datetime

import genai_prices
import pytest

from gemtap.stores.statistics import NO_TOKEN_SUMS
from gemtap.stores.statistics.other_models import USUAL, costs_on

NOW = datetime(2026, 3, 14, tzinfo=UTC)


@pytest.mark.parametrize("model", USUAL)
def test_the_cost_is_that_of_genai_prices(model: str) -> None:
    """For tokens below the tiers of long contexts, the cost equals that of one request with the same tokens."""
    tokens = {**NO_TOKEN_SUMS, "input": 90_000, "cached": 40_000, "output": 3_000, "reasoning": 2_000, "tool_use": 500}
    (cost,) = costs_on([model], tokens, NOW)  # type: ignore[arg-type]
    usage = genai_prices.Usage(input_tokens=90_500, cache_read_tokens=40_000, output_tokens=5_000)
    expected = genai_prices.calc_price(usage, model, genai_request_timestamp=NOW).total_price
    assert cost == {"model": model, "usd": pytest.approx(float(expected)), "missing": {}}


def test_tiers_of_long_contexts_are_not_applied_to_sums() -> None:
    """Many requests together are no long context."""
    million = {**NO_TOKEN_SUMS, "input": 10_000_000}
    (cost,) = costs_on(["gemini-2.5-pro"], million, NOW)  # type: ignore[arg-type]
    assert cost["usd"] == pytest.approx(12.5)


def test_kinds_without_a_price_are_named_and_not_guessed() -> None:
    """Cache writes have a price only where they are billed apart; an unknown model has none at all."""
    tokens = {**NO_TOKEN_SUMS, "input": 1_000_000, "cache_write": 400_000}
    gpt, claude, none = costs_on(["gpt-5", "claude-haiku-4-5", "no-such-model"], tokens, NOW)  # type: ignore[arg-type]
    assert gpt == {"model": "gpt-5", "usd": pytest.approx(0.6 * 1.25), "missing": {"cache writes": 400_000}}
    assert claude == {"model": "claude-haiku-4-5", "usd": pytest.approx(0.6 + 0.4 * 1.25), "missing": {}}
    assert none == {"model": "no-such-model", "usd": None, "missing": {"input": 600_000, "cache writes": 400_000}}
