"""The price of text is that of genai-prices, for every model that it knows."""

from __future__ import annotations

from datetime import UTC, datetime

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot

from gemtap.providers.text_price import text_price

AT = datetime(2026, 3, 14, tzinfo=UTC)

COUNTS = [
    {"input_tokens": 412, "cache_read_tokens": 0, "output_tokens": 530},
    {"input_tokens": 300_001, "cache_read_tokens": 270_000, "cache_write_tokens": 777, "output_tokens": 9_999},
    {"input_tokens": 200_000, "cache_read_tokens": 199_999},
    {"cache_read_tokens": 0, "output_tokens": 3},
]


@pytest.mark.parametrize("counts", COUNTS, ids=lambda counts: str(sum(counts.values())))
def test_each_model_has_the_price_of_genai_prices(counts: dict[str, int]) -> None:
    """To the last digit, by whatever length of the context; few models have to be asked for."""
    compared, asked = 0, 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            found = text_price(model.get_prices(AT), counts)
            if found is None:
                asked += 1
                continue
            usage = genai_prices.Usage(**counts)
            expected = model.calc_price(usage, provider, genai_request_timestamp=AT).total_price
            assert found == expected, f"{provider.id}/{model.id}"
            assert float(found) == float(expected)
            compared += 1
    assert compared > 10 * asked > 0


def test_what_is_not_text_or_contradicts_itself_is_for_genai_prices() -> None:
    """It knows how media overlap, and what is wrong with counts."""
    _, model = get_snapshot().find_provider_model("gemini-2.5-flash", None, "google", None)
    price = model.get_prices(AT)
    assert text_price(price, {"input_tokens": 9, "input_audio_tokens": 3}) is None
    assert text_price(price, {"input_tokens": 9, "cache_read_tokens": 10}) is None
