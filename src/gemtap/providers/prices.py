"""The price list of the genai-prices package. Nothing is fetched: the list is the package's.

Prices change with Gemtap's release, or with the package's: each cost names the version that it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from gemtap.interaction import Cost, Tokens
from gemtap.providers.text_price import text_price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

STANDARD: Final = "standard"


_OF_CACHES: Final = ("cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, slots=True)
class Tier:
    """A way of serving requests that has prices of its own."""

    context: Mapping[str, str]
    """How genai-prices names it."""
    factor: Decimal | None
    """What it costs, as a multiple of the standard price, where genai-prices has no price of it. None: not known."""
    source: str
    """Where the factor is published, and when it was read."""


def list_price(
    models: Iterable[tuple[str, str]],
    tokens: Tokens,
    priced_apart: Mapping[str, int],
    at: datetime,
    tier: Tier | None = None,
    units: Mapping[str, int] | None = None,
    times: Decimal = Decimal(1),
) -> Cost:
    """The cost in US dollars of the first model that has a price; `usd` is None where none has one, never 0 for that.

    Each model is its maker, which may be empty, and its name. The price knows tiers by the length of the context,
    cached input, cache writes, reasoning as output, and `priced_apart`: tokens of audio, images and video and of other
    cache writes, by genai-prices' names.
    `units` are counts of other things that genai-prices has prices for, such as `web_searches`; no tier changes those.
    `times` multiplies the prices of all tokens, whatever the tier.
    """
    # Imported here: it takes a sixth of a second, which a start should not wait for.
    import genai_prices

    source = f"genai-prices {genai_prices.__version__}"
    counts = _counts(tokens, priced_apart)
    names: list[str] = []
    wrong: str | None = None
    for maker, name in models:
        names.append(name)
        try:
            standard = _calculate(maker, name, at, counts)
        except LookupError:
            continue
        except ValueError:
            wrong = f"the token counts of {name} contradict each other"
            continue
        total, told, factor = standard.total, source, Decimal(1)
        context = None
        if tier is not None:
            changed = _calculate(maker, name, at, counts, tier.context)
            if changed.model_price != standard.model_price:
                total, context = changed.total, tier.context
            elif tier.factor is not None:
                total, told, factor = total * tier.factor, f"{source}; {tier.source}", tier.factor
            else:
                wrong = f"no price of the tier {next(iter(tier.context.values()))} is known for {name}"
                continue
        saved = None
        if any(counts.get(unit) for unit in _OF_CACHES):
            plain = {unit: number for unit, number in counts.items() if not unit.startswith("cache_")}
            saved = float((_calculate(maker, name, at, plain, context).total * factor - total) * times)
        total *= times
        missing = []
        for unit, number in (units or {}).items():
            price = getattr(standard.model_price, f"{unit}_kcount", None)
            if not number:
                continue
            if isinstance(price, Decimal):
                total += price * number / 1000
            else:
                missing.append(f"no price of {unit.replace('_', ' ')} is known for {name}")
        usd = float(total)
        if math.isfinite(usd) and usd > 0:
            cost = priced(usd, told, missing)
            if saved is not None:
                cost["cache_saved"] = saved
            return cost
    nothing = not any(number for number in tokens.values())
    why = wrong or ("no tokens are reported" if nothing else f"no price is known for {names[0]}" if names else None)
    return unpriced(why or "the model is not known")


def own_price(
    input_: Decimal,
    output: Decimal,
    cached: Decimal | None,
    tokens: Tokens,
    priced_apart: Mapping[str, int],
    source: str,
) -> Cost:
    """The cost at prices of a person's own, each in US dollars for a million tokens of any medium."""
    from genai_prices.types import ModelPrice, Usage

    price = ModelPrice(input_mtok=input_, output_mtok=output, cache_read_mtok=cached)
    try:
        usd = float(price.calc_price(Usage(**_counts(tokens, priced_apart)))["total_price"])
    except ValueError:
        return unpriced("the token counts contradict each other")
    return priced(usd, source)


def priced(usd: float, source: str | None, missing: Sequence[str] = ()) -> Cost:
    """A cost, and what is not in it."""
    cost: Cost = {"usd": usd, "source": source}
    if missing:
        cost["missing"] = "; ".join(missing)
    return cost


def also_missing(cost: Cost, *missing: str) -> Cost:
    """The cost, and what else is billed and not in it. Where nothing has a price, why is said already."""
    if cost["usd"] is None or not missing:
        return cost
    return {**cost, "missing": "; ".join([*filter(None, [cost.get("missing")]), *missing])}


def unpriced(why: str) -> Cost:
    """The cost of what is billed at a price that is not known."""
    return {"usd": None, "source": None, "missing": why}


def add_costs(costs: Sequence[Cost]) -> Cost:
    """One cost for all of them; what has no price is missing from it. Raises IndexError where there are none."""
    known = [each["usd"] for each in costs if each["usd"] is not None]
    if len(costs) == 1 or not known:
        return costs[0]
    missing = list(dict.fromkeys(each["missing"] for each in costs if "missing" in each))
    cost = priced(sum(known), next(each["source"] for each in costs if each["usd"] is not None), missing)
    saved = [each["cache_saved"] for each in costs if "cache_saved" in each]
    if saved:
        cost["cache_saved"] = sum(saved)
    return cost


def makers() -> tuple[str, ...]:
    """The providers in genai-prices, by their ids."""
    from genai_prices.data_snapshot import get_snapshot

    return tuple(each.id for each in get_snapshot().providers)


def has_list(maker: str) -> bool:
    """Whether genai-prices knows a provider by this id, or by another name that it takes for one."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        get_snapshot().find_provider(None, maker, None)
    except LookupError:
        return False
    return True


class _Calculated(NamedTuple):
    total: Decimal
    """US dollars."""
    model_price: ModelPrice


def _calculate(
    maker: str, name: str, at: datetime, counts: Mapping[str, int], context: Mapping[str, str] | None = None
) -> _Calculated:
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    _, model = get_snapshot().find_provider_model(name, None, maker, None)
    price = model.get_prices(at)
    total = text_price(price, counts) if context is None else None
    if total is not None:
        return _Calculated(total, price)
    found = genai_prices.calc_price(
        genai_prices.Usage(**counts), name, provider_id=maker, genai_request_timestamp=at, price_context=context
    )
    return _Calculated(found.total_price, found.model_price)


def _counts(tokens: Tokens, priced_apart: Mapping[str, int]) -> dict[str, int]:
    counts = {
        "input_tokens": (tokens["input"] or 0) + (tokens["tool_use"] or 0),
        "cache_read_tokens": tokens["cached"] or 0,
        "cache_write_tokens": tokens.get("cache_write") or 0,
        "output_tokens": (tokens["output"] or 0) + (tokens["reasoning"] or 0),
        **priced_apart,
    }
    counts |= _cached_media(counts)
    # A 0 of a medium says that none of it was cached.
    return {name: count for name, count in counts.items() if count or name.endswith("_read_tokens")}


def _cached_media(counts: Mapping[str, int]) -> dict[str, int]:
    """How much of each medium was cached, where the API says only how much of everything.

    Text comes first: no more media than must be are taken to be cached. genai-prices has no price without this.
    """
    media = {name: counts.get(f"input_{name}_tokens", 0) for name in ("audio", "image", "video")}
    known = {name: counts[key] for name in media if (key := f"cache_{name}_read_tokens") in counts}
    rest = counts["cache_read_tokens"] - sum(known.values()) - (counts["input_tokens"] - sum(media.values()))
    found = {}
    for name, number in media.items():
        if number and name not in known:
            found[f"cache_{name}_read_tokens"] = cached = min(max(rest, 0), number)
            rest -= cached
    return found
