"""Prices for estimates."""

from __future__ import annotations

from pathlib import Path

from gemtap.limits.prices import Price, Prices, write_prices


def test_the_price_of_a_model_or_the_dearest_one(tmp_path: Path) -> None:
    """Versions of a model cost what it costs, unknown ones as much as any; rounded up to a micro-dollar."""
    prices = Prices(tmp_path)
    assert prices.cost("gemini", "gemini-2.5-pro", 10, 10) == 0
    table = {"gemini-2.5": Price(0.3, 2.5), "gemini-2.5-pro": Price(1.25, 10), "gemini-3": Price(2, 4)}
    write_prices(tmp_path, {"gemini": table})
    prices.refresh()
    assert prices.cost("gemini", "gemini-2.5-pro", 1000, 100) == 2250
    assert prices.cost("gemini", "models/gemini-2.5-pro-002", 1000, 100) == 2250
    assert prices.cost("gemini", "gemini-2.5-flash", 1, 0) == 1
    assert prices.cost("gemini", "gemini-9", 1000, 100) == 3000
    assert prices.cost("gemini", None, 1000, 100) == 3000
    assert prices.cost("ollama", "gemini-3", 1000, 100) == 0
    (tmp_path / "ledger" / "prices.json").write_text("{}")
    prices.refresh()
    assert prices.cost("gemini", "gemini-3", 1, 1) == 6
