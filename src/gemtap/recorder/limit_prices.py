"""The price table for taps, which reserve a part of a budget before they know what a request costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gemtap.interaction import NO_TOKENS, Interaction
from gemtap.limits.prices import Price, has_prices, write_prices
from gemtap.providers.definition import Definition
from gemtap.providers.presets import FREE
from gemtap.providers.reader import Bill, Reader
from gemtap.providers.registry import PROVIDERS, reader_of, report
from gemtap.providers.text_price import text_price

_TOKENS: Final = 100_000
"""Tokens of input and of output at which prices are taken: below the long contexts that cost more."""

_FREE: Final = {"": Price(0.0, 0.0)}
"""The prices of a provider that nobody pays by tokens: every name begins so."""

_MOST_MODELS: Final = 2_000
"""Models of one provider in the table."""

Table = dict[str, dict[str, Price]]


def list_prices(at: datetime, definitions: Mapping[str, Definition]) -> Table:
    """The prices of every model that the price list has, by provider. It takes tenths of a second at first.

    `definitions` are the providers of the settings, whose prices are there too.
    """
    lists = _models_by_maker(at)
    table: Table = {}
    for name, provider in PROVIDERS.items():
        reader = reader_of(provider)
        if reader is None:
            continue
        makers = set(reader.makers.values()) or {name}
        table[name] = _FREE.copy() if reader.by_subscription else {}
        for maker in makers & lists.keys():
            table[name].update(lists[maker])
    for name, definition in definitions.items():
        table[name] = _defined(definition, lists)
    return table


def write_list_prices(data_dir: Path, definitions: Mapping[str, Definition]) -> None:
    """Write the price list for a first limit of cost, unless taps have one. Raises OSError."""
    if not has_prices(data_dir):
        write_prices(data_dir, list_prices(datetime.now(UTC), definitions))


def _defined(definition: Definition, lists: Mapping[str, Mapping[str, Price]]) -> dict[str, Price]:
    prices = definition.prices
    if isinstance(prices, str):
        return _FREE.copy() if prices == FREE else dict(lists.get(prices, {}))
    return {name.rstrip("*").lower(): Price(float(each.input), float(each.output)) for name, each in prices.items()}


def learn(table: Table, documents: Iterable[Interaction]) -> bool:
    """Add the models of these interactions, by the names that requests have for them. Returns whether any was added."""
    added = False
    for document in documents:
        model, prices = document["model"], table.setdefault(document["provider"], {})
        if model is None or not any(each["measure"] == "cost" for each in document.get("reserved", ())):
            continue
        name = model.rpartition("/")[2].lower()
        if name not in prices and len(prices) < _MOST_MODELS:
            price = _price_of(document)
            if price is not None:
                prices[name] = price
                added = True
    return added


def _models_by_maker(at: datetime) -> Mapping[str, Mapping[str, Price]]:
    # Imported here: it takes a sixth of a second, which a start should not wait for.
    from genai_prices.data_snapshot import get_snapshot
    from genai_prices.types import ModelPrice

    def prices(models: Iterable[tuple[str, ModelPrice]]) -> Iterator[tuple[str, Price]]:
        for name, price in models:
            sent = text_price(price, {"input_tokens": _TOKENS})
            both = text_price(price, {"input_tokens": _TOKENS, "output_tokens": _TOKENS})
            if sent is not None and both is not None:
                yield name.rpartition("/")[2].lower(), _price(float(sent), float(both))

    return {
        maker.id: dict(prices((model.id, model.get_prices(at)) for model in maker.models))
        for maker in get_snapshot().providers
    }


def _price_of(document: Interaction) -> Price | None:
    """The price of its model, as the recorder will compute it; None if that is not known."""
    provider = PROVIDERS.get(document["provider"])
    reader = reader_of(provider) if provider is not None else None
    if reader is None:
        return None
    try:
        sent, both = _cost(reader, document, 0), _cost(reader, document, _TOKENS)
    except Exception as exc:
        report(document["provider"], exc)
        return None
    return None if sent is None or both is None else _price(sent, both)


def _cost(reader: Reader, document: Interaction, output: int) -> float | None:
    tokens = {**NO_TOKENS, "input": _TOKENS, "output": output, "total": _TOKENS + output}
    bill = Bill(document["operation"], (document["model"],), tokens, {}, document["timestamp"])  # type: ignore[arg-type]  # all of them
    cost = reader.price(bill)
    return None if cost is None else cost["usd"]


def _price(sent: float, both: float) -> Price:
    """The cost of 100,000 tokens of input, and of as many tokens of output with them."""
    million = 1_000_000 / _TOKENS
    return Price(sent * million, (both - sent) * million)
