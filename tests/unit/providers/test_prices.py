"""Costs against the prices that Google publishes: https://ai.google.dev/gemini-api/docs/pricing."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from gemtap.interaction import NO_TOKENS, Tokens
from gemtap.providers.documents import cost_of
from gemtap.providers.google.billing import TIERS
from gemtap.providers.prices import list_price
from tests.records import make_record

AT = datetime(2026, 3, 14, tzinfo=UTC)


def usd(model: str | None = "gemini-2.5-pro", usage: Any = None, **fields: Any) -> float | None:
    tokens = {name: fields.pop(name) for name in list(fields) if name in NO_TOKENS}
    served, asked = fields.pop("models", (None, model))
    record = make_record(
        model_version=served, model=asked, timestamp=AT, tokens={**NO_TOKENS, **tokens}, usage_metadata=usage, **fields
    )
    cost = cost_of(record.document)
    if cost is None or cost["usd"] is None:
        return None
    assert (cost["source"] or "").startswith("genai-prices 0.")
    return cost["usd"]


def test_input_and_output_have_their_prices() -> None:
    """Input and output have their prices."""
    assert usd(input=100_000, output=1_000) == pytest.approx(0.1 * 1.25 + 0.001 * 10)


def test_a_long_context_has_prices_of_its_own() -> None:
    """A long context has other prices."""
    assert usd(input=300_000, output=1_000) == pytest.approx(0.3 * 2.50 + 0.001 * 15)


def test_cached_input_is_cheaper() -> None:
    """Cached input is cheaper."""
    whole, cached = usd(input=100_000), usd(input=100_000, cached=90_000)
    assert whole is not None
    assert cached is not None
    assert cached < whole / 4


def test_reasoning_is_paid_as_output_and_results_of_tools_as_input() -> None:
    """Reasoning is priced as output, and tool results as input."""
    assert usd(input=10, output=1_000, reasoning=500, tool_use=90) == usd(input=100, output=1_500)


def test_audio_has_a_price_of_its_own() -> None:
    """Audio has its own price."""
    usage = {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 990}]}
    assert usd("gemini-2.5-flash", usage, input=1_000) == pytest.approx(10 / 1e6 * 0.30 + 990 / 1e6 * 1.00)


def test_the_model_that_answered_counts() -> None:
    """The price is that of the served model."""
    both = usd(models=("gemini-2.5-flash", "gemini-2.5-pro"), input=1_000)
    assert both == usd("gemini-2.5-flash", input=1_000)
    assert usd(models=("tunedModels/mine", "models/gemini-2.5-pro"), input=1_000) == usd(input=1_000)


def test_other_makers_on_vertex_have_their_own_prices() -> None:
    """Models of other makers have their own prices."""
    assert usd("anthropic/claude-sonnet-4", provider="vertex", input=1_000_00) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "fields",
    [
        {"models": (None, None), "input": 10},
        {"models": ("no-such-model", "nor/this"), "input": 10},
        {"input": None, "output": 10},
        {"operation": "countTokens", "input": 10},
        {"provider": "code_assist", "input": 10},
        {"input": 0},
        {"input": 10, "cached": 1_000_000},
    ],
    ids=["no model", "unknown model", "unknown input", "free", "subscription", "nothing", "nonsense"],
)
def test_what_cannot_be_known_is_none_and_not_nothing(fields: dict[str, Any]) -> None:
    """An unknown cost is None, not 0."""
    assert usd(**fields) is None


@pytest.mark.parametrize(
    "usage",
    [[], "x", {"promptTokensDetails": {}}, {"promptTokensDetails": [1, {"modality": "AUDIO", "tokenCount": "9"}]}],
)
def test_usage_of_any_shape_is_no_fault(usage: Any) -> None:
    """Usage of any shape causes no error."""
    assert usd(input=1_000, usage=usage) == usd(input=1_000)


def test_no_price_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No prices are fetched over the network."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert usd(input=1_000)


def test_caches_save_what_the_same_tokens_would_have_cost_more() -> None:
    """Reads save nine tenths of the input's price; writes cost a quarter more, or twice with a lifetime of an hour."""
    tokens: Tokens = {**NO_TOKENS, "input": 100_000, "cached": 60_000, "cache_write": 30_000, "output": 1_000}
    models = [("anthropic", "claude-sonnet-4-5")]
    cost = list_price(models, tokens, {}, AT)
    assert cost["usd"] == pytest.approx((10_000 * 3 + 60_000 * 0.3 + 30_000 * 3.75 + 1_000 * 15) / 1e6)
    assert cost["cache_saved"] == pytest.approx((60_000 * 2.7 - 30_000 * 0.75) / 1e6)
    longer = list_price(models, tokens, {"cache_write_1h_tokens": 30_000}, AT)
    assert longer["usd"] == pytest.approx((10_000 * 3 + 60_000 * 0.3 + 30_000 * 6 + 1_000 * 15) / 1e6)
    assert "cache_saved" not in list_price(models, {**NO_TOKENS, "input": 10}, {}, AT)


def test_a_tier_changes_what_caches_save() -> None:
    """At half the price, caches save half as much."""
    tokens: Tokens = {**NO_TOKENS, "input": 100_000, "cached": 60_000}
    models = [("google", "gemini-2.5-pro")]
    full, half = list_price(models, tokens, {}, AT), list_price(models, tokens, {}, AT, TIERS["batch"])
    assert half["cache_saved"] == pytest.approx(full["cache_saved"] / 2)
