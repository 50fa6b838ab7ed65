"""What Anthropic bills for a message, and what its price list says of that.

The tables hold what genai-prices has no price of. Each price names the page that publishes it, and the month for
which it holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from gemtap.dialects.anthropic_messages.fields import hour_long_writes, read_own_tokens, usages
from gemtap.interaction import Cost
from gemtap.json_access import as_dict, as_text, count
from gemtap.providers.prices import Tier, add_costs, list_price, unpriced
from gemtap.providers.reader import Bill

MAKER: Final = "anthropic"
"""How genai-prices calls the maker of the models."""

_PAGE: Final = "platform.claude.com/docs/en/about-claude/pricing of 2026-11"

BATCH: Final = Tier({"processing": "batch"}, Decimal("0.5"), f"half of it for batches, {_PAGE}")

_FAST: Final = (
    (re.compile(r"claude-opus-4-[67]"), Decimal(6)),
    (re.compile(r"claude-opus-(4-8|5(?![\d-]*-5))"), Decimal(2)),
)
"""How many times the price of tokens a fast answer costs, by the beginning of the model's name."""

_IN_ONE_COUNTRY: Final = re.compile(r"claude-(opus|sonnet)-(4-[6-9]|[5-9])|claude-haiku-([5-9]|4-[6-9])")
"""Models that cost more where a request says that it must be served in the United States."""
_SURCHARGE: Final = Decimal("1.1")


def price(bill: Bill, names: Sequence[str]) -> Cost | None:
    """The cost at list prices: tokens by the lifetime of their cache, batches, fast answers, web searches.

    Tokens of another model that advised or took over have the price of that model. None where no tokens are reported.
    """
    if bill.tokens["input"] is None:
        return None
    if bill.usage is None:
        # An estimate by counts alone.
        return list_price([(MAKER, name) for name in names], bill.tokens, bill.priced_apart, bill.at)
    usage = as_dict(bill.usage)
    tier = "batch" if bill.in_batch else as_text(usage.get("service_tier"))
    if tier == "priority":
        return unpriced("the priority tier is paid by commitment")
    times = _times(as_text(usage.get("speed")), as_text(usage.get("inference_geo")), names)
    if times is None:
        return unpriced("no price of fast answers is known for this model")
    searches = count(as_dict(usage.get("server_tool_use")).get("web_search_requests")) or 0
    costs = []
    for number, part in enumerate(usages(usage)):
        named = as_text(part.get("model"))
        hour_long = hour_long_writes(part)
        costs.append(
            list_price(
                [(MAKER, name) for name in ([named] if named is not None and part is not usage else names)],
                read_own_tokens(part),
                {"cache_write_1h_tokens": hour_long} if hour_long else {},
                bill.at,
                BATCH if tier == "batch" else None,
                {"web_searches": searches} if number == 0 else None,
                times,
            )
        )
    return add_costs(costs)


def _times(speed: str | None, place: str | None, names: Sequence[str]) -> Decimal | None:
    """By how much the prices of tokens are multiplied; None where that is not known."""
    times: Decimal | None = Decimal(1)
    if speed == "fast":
        times = next((rate for name in names for pattern, rate in _FAST if pattern.match(name)), None)
    if times is not None and place == "us" and any(map(_IN_ONE_COUNTRY.match, names)):
        times *= _SURCHARGE
    return times
