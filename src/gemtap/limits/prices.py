"""What tokens cost, as far as estimates need it: a file that the desk writes, since price lists are not for a tap.

`ledger/prices.json` is `{"version": 1, "providers": {PROVIDER: {MODEL: [INPUT, OUTPUT]}}}`, prices in US dollars for a
million tokens, which is micro-dollars for one token. Names of models are as requests have them, without a prefix such
as `models/`.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from gemtap.durable_files import replace_file, stamp_of
from gemtap.limits.ledger_readings import FOLDER

_log = logging.getLogger(__name__)

_NAME: Final = "prices.json"
_VERSION: Final = 1
_LONGEST_MODEL: Final = 200


class Price(NamedTuple):
    """US dollars for a million tokens, or micro-dollars for one."""

    input: float
    output: float


Table = Mapping[str, Mapping[str, Price]]
"""Prices by provider and model."""


def write_prices(data_dir: Path, table: Table) -> None:
    """Replace the prices. Raises OSError."""
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    value = {"version": _VERSION, "providers": table}
    replace_file(folder / _NAME, json.dumps(value).encode("ascii"))


def has_prices(data_dir: Path) -> bool:
    """Whether there are prices."""
    return (data_dir / FOLDER / _NAME).exists()


class Prices:
    """The prices in force, kept in memory. `refresh` reads the file again if it has changed."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FOLDER / _NAME
        self._seen: object = None
        self._table: Table = {}
        self._unknown: set[str] = set()
        self._price = lru_cache(maxsize=512)(self._find)
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it has changed. What cannot be read changes nothing."""
        seen = stamp_of(self._path)
        if seen == self._seen or seen is None:
            return
        self._seen = seen
        try:
            self._table = _read(json.loads(self._path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as exc:
            _log.error("The prices for estimates stay as they were: %s cannot be read: %s", self._path, exc)
        self._price.cache_clear()

    def cost(self, provider: str, model: str | None, input_tokens: int, output_tokens: int) -> int:
        """The cost in micro-dollars, rounded up.

        The price of the model, else of the longest name that its name begins with, else the dearest one of the
        provider. 0 if no price of the provider is known.
        """
        price = self._price(provider, (model or "")[:_LONGEST_MODEL])
        return math.ceil(price.input * input_tokens + price.output * output_tokens)

    def _find(self, provider: str, model: str) -> Price:
        models = self._table.get(provider, {})
        name = model.rpartition("/")[2].lower()
        known = [each for each in models if name.startswith(each.lower())]
        if known:
            return models[max(known, key=len)]
        if not models:
            if provider not in self._unknown:
                self._unknown.add(provider)
                _log.warning("No prices of %s are known: nothing is reserved for it in limits of cost.", provider)
            return Price(0.0, 0.0)
        return Price(max(each.input for each in models.values()), max(each.output for each in models.values()))


def _read(value: Any) -> Table:
    if value["version"] != _VERSION:
        raise ValueError(f"version {value['version']} is not known")
    return {
        provider: {model: Price(float(each[0]), float(each[1])) for model, each in models.items()}
        for provider, models in value["providers"].items()
    }
