"""The price table by which taps estimate what a request costs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gemtap.interaction import Interaction
from gemtap.limits.prices import Price, Prices, write_prices
from gemtap.recorder.limit_prices import learn, list_prices
from gemtap.settings_loading import load_only
from tests.records import NOON, make_record

NOW = datetime(2026, 3, 14, tzinfo=UTC)


def document(model: str, measure: str = "cost", **fields: Any) -> Interaction:
    reserved = {"ledger": "x", "limit": 1, "measure": measure, "start": NOON, "ends": NOON, "amount": 1}
    return make_record(model=model, reserved=[reserved], **fields).document


def test_the_table_has_list_prices_in_dollars_a_million(tmp_path: Path) -> None:
    """A tap reads what the desk writes: $1.25 in and $10 out for gemini-2.5-pro, without its long-context price."""
    table = list_prices(NOW, {})
    assert tuple(round(each, 6) for each in table["gemini"]["gemini-2.5-pro"]) == (1.25, 10.0)
    assert table["openai"]["gpt-4o-mini"].input < table["openai"]["gpt-4o"].input
    assert table["anthropic"]
    assert table["vertex"].keys() >= table["gemini"].keys()
    write_prices(tmp_path, table)
    prices = Prices(tmp_path)
    assert prices.cost("gemini", "models/gemini-2.5-pro", 1_000_000, 100_000) == 2_250_000
    assert prices.cost("code_assist", "gemini-2.5-pro", 1_000_000, 100_000) == 0
    dearest = max(table["anthropic"].values(), key=lambda price: price.output).output
    assert prices.cost("anthropic", "some-new-model", 0, 1_000_000) >= dearest * 1_000_000 - 1


def test_models_are_learnt_by_the_names_that_requests_have() -> None:
    """The price list knows `claude-3-5-haiku-20241022` by a rule, under another name."""
    table = list_prices(NOW, {})
    name = "claude-3-5-haiku-20241022"
    assert name not in table["anthropic"]
    seen = document(name, provider="anthropic", operation="messages.create", timestamp=NOW)
    assert learn(table, [seen])
    assert tuple(round(each, 6) for each in table["anthropic"][name]) == (0.8, 4.0)
    assert not learn(table, [seen])


def test_what_has_no_price_is_not_learnt() -> None:
    """Neither an unknown model, nor one that no limit of cost has admitted."""
    table = list_prices(NOW, {})
    assert not learn(table, [document("no-such-model")])
    assert not learn(table, [document("gemini-2.5-pro-preview-05-06", measure="tokens")])
    assert not learn(table, [document("x", provider="unknown")])


def test_providers_of_the_settings_have_their_own_prices() -> None:
    """A maker of the price list, a table whose names may end in a star, or nothing at all."""

    def defined(prices: Any) -> dict[str, Price]:
        definition = load_only(
            {"providers": {"mine": {"dialect": "openai", "upstream": "https://api.example/v1", "prices": prices}}}, "x"
        ).settings.providers.definitions["mine"]
        return list_prices(NOW, {"mine": definition})["mine"]

    assert defined({"Big-*": {"input": 2, "output": 4}}) == {"big-": Price(2.0, 4.0)}
    assert defined("free") == {"": Price(0.0, 0.0)}
    assert "llama-3.3-70b-versatile" in defined("groq")
    assert defined("") == {}
