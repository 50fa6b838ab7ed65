"""The price of text by a model's prices of genai-prices.

Most requests are text. genai-prices works out for each calculation which of all kinds of usage overlap, which takes
longer than reading the request; with text alone, nothing but caches overlaps the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_OF_CACHES: Final = {"cache_read_tokens": "cache_read_mtok", "cache_write_tokens": "cache_write_mtok"}
_TEXT: Final = {"input_tokens", "output_tokens", *_OF_CACHES}
_TOKENS: Final = 1_000_000


def text_price(price: ModelPrice, counts: Mapping[str, int]) -> Decimal | None:
    """The price in US dollars, equal to that of genai-prices; None where genai-prices has to be asked."""
    from genai_prices.types import calc_unit_price

    if not counts.keys() <= _TEXT or price.input_mtok is None or price.requests_kcount is not None:
        return None
    sent = counts.get("input_tokens", 0)
    rest, total = sent, Decimal(0)
    for unit, name in _OF_CACHES.items():
        rate = getattr(price, name)
        if rate is not None:
            rest -= counts.get(unit, 0)
            total += calc_unit_price(rate, counts.get(unit, 0), sent, _TOKENS)
    if rest < 0:
        return None
    output = calc_unit_price(price.output_mtok, counts.get("output_tokens", 0), sent, _TOKENS)
    return total + calc_unit_price(price.input_mtok, rest, sent, _TOKENS) + output
