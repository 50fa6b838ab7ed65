"""What Google bills beside tokens, read from bodies of all of its APIs, and what its price lists say of that.

The tables hold what genai-prices has no price of. Each price names the page that publishes it, and the month for
which it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from gemtap.interaction import Cost, Json
from gemtap.json_access import as_dict, as_list, as_text, count
from gemtap.providers.prices import STANDARD, Tier, list_price, priced, unpriced
from gemtap.providers.reader import Bill

_PAGE: Final = "ai.google.dev/gemini-api/docs/pricing of 2026-11"
_VERTEX_PAGE: Final = "cloud.google.com/vertex-ai/generative-ai/pricing of 2026-11"

TIERS: Final = {
    "flex": Tier({"service_tier": "flex"}, Decimal("0.5"), f"half of it for flex, {_PAGE}"),
    "batch": Tier({"processing": "batch"}, Decimal("0.5"), f"half of it for batches, {_PAGE}"),
    "priority": Tier({"service_tier": "priority"}, Decimal("1.8"), f"1.8 times for priority, {_PAGE}"),
}
"""Service tiers whose price is not the standard one. The page says of priority 75 to 100 % more; 1.8 times is what it
lists for every model that it lists."""

_SPELLINGS: Final = {
    "": STANDARD,
    "auto": STANDARD,
    "default": STANDARD,
    "on_demand": STANDARD,
    "service_tier_unspecified": STANDARD,
    "traffic_type_unspecified": STANDARD,
    "unspecified": STANDARD,
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
}

_PROVISIONED: Final = "provisioned_throughput"

_CACHE_HOUR: Final = (
    (re.compile(r"gemini-3\.[678]-flash(?!-lite)"), Decimal("0.50")),
    (re.compile(r"gemini-(2\.5|3|3\.1)-pro"), Decimal("4.50")),
    (re.compile(r"gemini-(2\.0|2\.5|3|3\.1|3\.5)-flash"), Decimal("1.00")),
)
"""US dollars for keeping a million tokens in a cache for an hour, by the beginning of the model's name."""

_CHARACTERS: Final = re.compile(r"text-(multilingual-)?embedding-00[245]")
_MILLION_CHARACTERS: Final = Decimal("0.025")
"""US dollars for what these embedding models of Vertex AI read: they are billed by characters."""

_IMAGES: Final = (
    (re.compile(r"imagen-4\.0-fast"), Decimal("0.02")),
    (re.compile(r"imagen-4\.0-ultra"), Decimal("0.06")),
    (re.compile(r"imagen-4\.0"), Decimal("0.04")),
    (re.compile(r"imagen-3\.0-generate"), Decimal("0.03")),
)
"""US dollars for an image, by the beginning of the model's name."""

_MAPS: Final = ((re.compile(r"gemini-2"), Decimal(25)), (re.compile(r"gemini-[34]"), Decimal(14)))
"""US dollars for a thousand prompts grounded with Google Maps, from Gemini 3 on for a thousand queries."""

_BY_PROMPT: Final = re.compile(r"gemini-[12]")
"""Models whose grounded prompts are billed, however many queries each took. Later ones are billed by query."""


def price(bill: Bill, models: list[tuple[str, str]]) -> Cost | None:
    """The cost at list prices, without what an account has free of charge."""
    names = [name for _, name in models]
    if bill.operation == "cachedContents.create":
        return _storage(bill, names)
    if bill.operation in ("predict", "predictLongRunning") and not as_dict(bill.usage):
        return _prediction(bill, models)
    if bill.tokens["input"] is None:
        return None
    tier = "batch" if bill.in_batch else service_tier(bill)
    if tier == _PROVISIONED:
        return unpriced("provisioned throughput is paid beforehand")
    if tier != STANDARD and tier not in TIERS:
        return unpriced(f"no price is known for the service tier {tier:.40}")
    searches, maps, retrievals = grounding(bill, names)
    found = list_price(models, bill.tokens, bill.priced_apart, bill.at, TIERS.get(tier), {"web_searches": searches})
    return _with_others(found, names, maps, retrievals)


def _with_others(found: Cost, names: list[str], maps: int, retrievals: int) -> Cost:
    """The cost with what is billed beside tokens and searches."""
    if found["usd"] is None:
        return found
    missing = [found["missing"]] if "missing" in found else []
    usd, source = found["usd"], found["source"]
    if maps:
        rate = _rate(_MAPS, names)
        if rate is None:
            missing.append("no price of grounding with Google Maps is known for this model")
        else:
            usd, source = float(Decimal(str(usd)) + rate * maps / 1000), f"{source}; Google Maps: {_PAGE}"
    if retrievals:
        missing.append("grounding with data of one's own is priced by contract")
    cost = priced(usd, source, missing)
    if "cache_saved" in found:
        cost["cache_saved"] = found["cache_saved"]
    return cost


def service_tier(bill: Bill) -> str:
    """How the request was served: what the answer says, and where it says nothing, what was asked for."""
    usage, response, request = as_dict(bill.usage), as_dict(bill.response), as_dict(bill.request)
    header = bill.response_headers.get("x-gemini-service-tier")
    said = [
        *(usage.get(name) for name in ("serviceTier", "service_tier", "trafficType", "traffic_type")),
        *(response.get(name) for name in ("serviceTier", "service_tier")),
        header,
    ]
    served = [tier for each in said if (tier := _tier(each)) is not None]
    if served:
        return next((tier for tier in served if tier != STANDARD), STANDARD)
    asked = (_tier(request.get(name)) for name in ("serviceTier", "service_tier"))
    return next((tier for tier in asked if tier is not None), STANDARD)


def _tier(value: Json) -> str | None:
    if not isinstance(value, str):
        return None
    name = value.lower().replace("-", "_").removeprefix("service_tier_")
    return _SPELLINGS.get(name, name)


def grounding(bill: Bill, names: list[str]) -> tuple[int, int, int]:
    """What is billed for grounding: searches with Google, with Google Maps, and in data of one's own."""
    counted = {"google_search": 0, "google_maps": 0, "retrieval": 0}
    by_prompt = bool(names) and _BY_PROMPT.match(names[0]) is not None
    for each in as_list(as_dict(bill.usage).get("grounding_tool_count")):
        kind, number = as_text(as_dict(each).get("type")), count(as_dict(each).get("count")) or 0
        if kind in counted:
            counted[kind] += min(number, 1) if by_prompt else number
    for prompt in _grounding_metadata(bill.response):
        lists = [as_list(each.get(name)) for each in prompt for name in ("webSearchQueries", "imageSearchQueries")]
        chunks = [as_dict(chunk) for each in prompt for chunk in as_list(each.get("groundingChunks"))]
        found = len({query for queries in lists for query in queries if as_text(query)})
        counted["google_search"] += min(found, 1) if by_prompt else found
        counted["google_maps"] += any("maps" in chunk for chunk in chunks)
        if any("retrievedContext" in chunk for chunk in chunks) and not _searches_files(bill.request):
            counted["retrieval"] += 1
    return counted["google_search"], counted["google_maps"], counted["retrieval"]


def _searches_files(request: Json) -> bool:
    """Whether what was retrieved is out of file search stores, which costs tokens alone."""
    tools = as_dict(request).get("tools")
    return any(as_dict(each).keys() & {"fileSearch", "file_search"} for each in as_list(tools) or [tools])


def _grounding_metadata(response: Json) -> Iterator[list[dict[str, Json]]]:
    """What grounded each prompt: that of all its candidates; in a session each turn answers one."""
    fields = as_dict(response)
    for answers in (as_list(fields.get("candidates")), *([turn] for turn in as_list(fields.get("turns")))):
        yield [as_dict(as_dict(each).get("groundingMetadata")) for each in answers]


def _storage(bill: Bill, names: list[str]) -> Cost | None:
    """What keeping a new cache costs until it expires."""
    response = as_dict(bill.response)
    tokens = count(as_dict(response.get("usageMetadata")).get("totalTokenCount"))
    if tokens is None:
        return None
    created, expires = (_moment(response.get(name)) for name in ("createTime", "expireTime"))
    rate = _rate(_CACHE_HOUR, names)
    if rate is None or created is None or expires is None:
        return unpriced("storage of caches: no price is known for this model, or how long it is kept is not")
    hours = Decimal(str(max((expires - created).total_seconds(), 0))) / 3600
    usd = float(rate * tokens * hours / 1_000_000)
    return {"usd": usd, "source": f"cache storage: {_PAGE}"} if usd else unpriced("the cache expires at once")


def _prediction(bill: Bill, models: list[tuple[str, str]]) -> Cost | None:
    """Predictions that are billed by what comes out, or by characters."""
    names = [name for _, name in models]
    response = as_dict(bill.response)
    predictions = as_list(response.get("predictions"))
    if bill.operation == "predictLongRunning":
        return unpriced("videos are priced by the second") if "name" in response else None
    if not predictions:
        return None
    if bill.tokens["input"] is not None and not any(map(_CHARACTERS.match, names)):
        return list_price(models, bill.tokens, {}, bill.at)
    characters = count(as_dict(response.get("metadata")).get("billableCharacterCount"))
    if bill.tokens["input"] is not None and characters:
        usd = float(_MILLION_CHARACTERS * characters / 1_000_000)
        return {"usd": usd, "source": f"characters of embeddings: {_VERTEX_PAGE}"}
    if bill.tokens["input"] is not None:
        return unpriced("it is priced by characters, which the answer does not count")
    images = sum("bytesBase64Encoded" in as_dict(each) or "gcsUri" in as_dict(each) for each in predictions)
    rate = _rate(_IMAGES, names)
    if rate is None or not images:
        return unpriced("it is not priced by tokens")
    return {"usd": float(rate * images), "source": f"images: {_PAGE}"}


def _rate(table: tuple[tuple[re.Pattern[str], Decimal], ...], names: list[str]) -> Decimal | None:
    return next((rate for name in names for pattern, rate in table if pattern.match(name)), None)


def _moment(value: Json) -> datetime | None:
    try:
        # Google tells nanoseconds, Python knows microseconds.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value)) if isinstance(value, str) else None
    except ValueError:
        return None
