"""What OpenAI bills beside tokens, and at which service tier.

genai-prices has the prices, those of service tiers among them. What it lacks is half the price for `flex`; for
`priority` the page names a price for each model by itself, so that there is no factor for one that it lacks.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from gemtap.interaction import Cost, Json
from gemtap.json_access import as_dict, as_list, as_text, count
from gemtap.providers.prices import STANDARD, Tier, also_missing, list_price, unpriced
from gemtap.providers.reader import Bill

_PAGE: Final = "platform.openai.com/docs/pricing of 2026-11"

TIERS: Final = {
    "flex": Tier({"service_tier": "flex"}, Decimal("0.5"), f"half of it for flex, {_PAGE}"),
    "batch": Tier({"processing": "batch"}, Decimal("0.5"), f"half of it for batches, {_PAGE}"),
    "priority": Tier({"service_tier": "priority"}, None, ""),
}
"""Service tiers whose price is not the standard one."""

_STANDARD: Final = frozenset({"auto", "default", "standard", "standard_only", "on_demand"})
"""What the standard tier is called, by OpenAI and by gateways."""

_UNITS: Final = {"web_search_call": "web_searches", "file_search_call": "storage_searches"}
"""Calls of built-in tools that have a price each, by genai-prices' names."""


def price(bill: Bill, models: list[tuple[str, str]]) -> Cost | None:
    """The cost at list prices, without what an account has free of charge."""
    if bill.tokens["input"] is None:
        by_time = as_dict(bill.usage).get("type") == "duration"
        return unpriced("it is priced by the minute") if by_time else None
    tier = "batch" if bill.in_batch else service_tier(bill)
    if tier == "scale":
        return unpriced("the scale tier is paid beforehand")
    if tier != STANDARD and tier not in TIERS:
        return unpriced(f"no price is known for the service tier {tier:.40}")
    found = list_price(models, bill.tokens, bill.priced_apart, bill.at, TIERS.get(tier), _tool_calls(bill.response))
    return also_missing(found, *_not_priced(bill))


def service_tier(bill: Bill) -> str:
    """How the request was served: what the answer says, and where it says nothing, what was asked for."""
    for body in (bill.response, bill.request):
        tier = as_text(as_dict(body).get("service_tier"))
        if tier is not None:
            return STANDARD if tier.lower() in _STANDARD else tier.lower()
    return STANDARD


def _tool_calls(response: Json) -> dict[str, int]:
    """How often each built-in tool with a price of its own was called."""
    calls = dict.fromkeys(_UNITS.values(), 0)
    counted = count(as_dict(as_dict(as_dict(response).get("tool_usage")).get("web_search")).get("num_requests"))
    for item in as_list(as_dict(response).get("output")):
        fields = as_dict(item)
        unit = _UNITS.get(str(fields.get("type")))
        # A page that is opened is no search.
        if unit is not None and as_dict(fields.get("action")).get("type", "search") == "search":
            calls[unit] += 1
    return calls if counted is None else {**calls, "web_searches": counted}


def _not_priced(bill: Bill) -> list[str]:
    """What is billed beside tokens at a price that depends on what the answer does not say."""
    kinds = {as_text(as_dict(item).get("type")) for item in as_list(as_dict(bill.response).get("output"))}
    found = []
    if kinds & {"code_interpreter_call", "shell_call"}:
        found.append("containers are priced by the session")
    if "image_generation_call" in kinds:
        found.append("images are priced apart")
    if isinstance(as_dict(bill.request).get("web_search_options"), dict):
        found.append("web searches of chat completions are not counted")
    return found
