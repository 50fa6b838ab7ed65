"""The reader face of a provider that the settings add."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from gemtap.dialects.base import UNKNOWN_OPERATION, Dialect, Parsed, RawExchange
from gemtap.dialects.writing import Prompt, Written
from gemtap.interaction import Cost, Json
from gemtap.json_access import as_dict
from gemtap.providers.definition import Definition, ModelPrice
from gemtap.providers.instructions import Instructions
from gemtap.providers.presets import FREE
from gemtap.providers.prices import Tier, list_price, own_price, unpriced
from gemtap.providers.reader import Bill, Reader

_XAI_TICKS: Final = 10_000_000_000
"""`cost_in_usd_ticks` of xAI counts ten-billionths of a US dollar: https://docs.x.ai/docs/api-reference."""

_BATCH: Final = Tier({"processing": "batch"}, None, "")

_VERSIONS: Final = ("/v1", "/v1beta")


class ConfiguredReader(Reader):
    """Reads exchanges as the API does whose dialect is spoken."""

    def __init__(self, name: str, definition: Definition, base: Reader, version: str) -> None:
        """`version`: what the dialect's API has before its paths, such as `/v1`."""
        self._name = name
        self._definition = definition
        self._base = base
        self.billed = base.billed
        self.told_later = base.told_later
        self.batch_results = base.batch_results
        self.resending = base.resending
        self.request_headers = base.request_headers
        self.setup = {
            definition.prefix: Instructions(
                f"Any client of {definition.title}",
                "In its settings, as the base URL in place of the API's own",
                (f"{{tap}}/{definition.prefix}{version}",),
                f"A client that adds {version} itself gets {{tap}}/{definition.prefix}." if version else "",
            )
        }

    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """As the dialect's API names it, whether the upstream's address ends in the version or the path begins so."""
        return self._base.operation(method, self._full(method, path))

    def _full(self, method: str, path: str) -> str:
        paths = (path, *(version + path for version in _VERSIONS))
        return next((each for each in paths if self._base.operation(method, each)[0] != UNKNOWN_OPERATION), path)

    def dialect(self, operation: str, *, is_session: bool) -> Dialect | None:
        """That of the API."""
        return self._base.dialect(operation, is_session=is_session)

    def read(self, exchange: RawExchange) -> Parsed:
        """As the API whose dialect is spoken."""
        return self._base.read(replace(exchange, path=self._full(exchange.method, exchange.path)))

    def counts(self, parsed: Parsed) -> bool:
        """As the API whose dialect is spoken."""
        return self._base.counts(parsed)

    def with_model(self, path: str, model: str) -> str | None:
        """Where the dialect's API has it."""
        return self._base.with_model(path, model)

    def write(self, prompt: Prompt) -> Written | None:
        """As the API whose dialect is spoken. The wire face takes out what the upstream's address has already."""
        return self._base.write(prompt)

    def price(self, bill: Bill) -> Cost | None:
        """What the answer itself says that it costs, else the prices that the settings name."""
        if not self.is_billed(bill.operation):
            return None
        told = told_cost(bill.usage)
        if told is not None:
            return told
        prices = self._definition.prices
        if prices == FREE or bill.tokens["input"] is None:
            return None
        models = [model for model in bill.models if model is not None]
        if isinstance(prices, Mapping):
            found = _own(prices, models)
            source = f"the setting providers.{self._name}.prices"
            if bill.in_batch:
                return unpriced(f"{source} says nothing of batches")
            if found is None:
                return unpriced(f"{source} has no price of {models[0] if models else 'the model, which is not known'}")
            return own_price(found.input, found.output, found.cached, bill.tokens, bill.priced_apart, source)
        if not prices:
            return unpriced(f"the setting providers.{self._name}.prices names no price list")
        return list_price(
            [(prices, model) for model in models],
            bill.tokens,
            bill.priced_apart,
            bill.at,
            _BATCH if bill.in_batch else None,
        )


def _own(prices: Mapping[str, ModelPrice], models: Sequence[str]) -> ModelPrice | None:
    """The price of the first model that has one: under its name, else under the longest beginning with a star."""
    for model in models:
        if model in prices:
            return prices[model]
        stars = [name for name in prices if name.endswith("*") and model.startswith(name[:-1])]
        if stars:
            return prices[max(stars, key=len)]
    return None


def told_cost(usage: Json) -> Cost | None:
    """The cost in US dollars that an answer itself names; None where it names none.

    OpenRouter: `usage.cost`, and with a key of one's own what the model's API bills besides
    (https://openrouter.ai/docs/use-cases/usage-accounting). xAI: `usage.cost_in_usd_ticks`. Perplexity:
    `usage.cost.total_cost` (https://docs.perplexity.ai/api-reference).
    """
    fields = as_dict(usage)
    ticks = _amount(fields.get("cost_in_usd_ticks"))
    if ticks is not None:
        return {"usd": float(ticks / _XAI_TICKS), "source": "the answer itself: usage.cost_in_usd_ticks"}
    total = _amount(as_dict(fields.get("cost")).get("total_cost"))
    if total is not None:
        return {"usd": float(total), "source": "the answer itself: usage.cost.total_cost"}
    cost = _amount(fields.get("cost"))
    if cost is None:
        return None
    source = "the answer itself: usage.cost"
    beside = _amount(as_dict(fields.get("cost_details")).get("upstream_inference_cost"))
    if fields.get("is_byok") is True and beside is not None:
        return {"usd": float(cost + beside), "source": f"{source} and cost_details.upstream_inference_cost"}
    return {"usd": float(cost), "source": source}


def _amount(value: Json) -> Decimal | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number and math.isfinite(value) and value >= 0 else None
