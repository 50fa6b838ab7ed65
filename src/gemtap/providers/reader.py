"""The reader face of a provider: what the desk knows of an API beyond the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gemtap.dialects.base import Dialect, Parsed, RawExchange
from gemtap.dialects.writing import Prompt, Written
from gemtap.interaction import NO_TOKENS, Cost, Json, Tokens
from gemtap.providers.credential import Credential
from gemtap.providers.instructions import Instructions
from gemtap.providers.prices import list_price

SESSION_STATUS = 101
"""Switching Protocols: the exchange is a WebSocket session."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What the price of an exchange depends on."""

    operation: str
    models: Sequence[str | None]
    """Names to look for, the most exact first."""
    tokens: Tokens
    priced_apart: Mapping[str, int]
    """Tokens with prices of their own, see `Dialect.priced_apart`."""
    at: datetime
    """When the request was received."""
    usage: Json = None
    request: Json = None
    response: Json = None
    response_headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    in_batch: bool = False
    """Whether it is one result of a batch, which mostly costs less. `operation` is the one that returns all of them."""


class Reader(ABC):
    """How exchanges with one API are read, priced and replayed."""

    billed: frozenset[str] | None = None
    """Operations whose tokens are counted; None for every operation. Look-ups report tokens that others have used."""
    told_later: frozenset[str] = frozenset()
    """Look-ups that may be the first to report what a run in the background has used: then they are counted."""
    batch_results: frozenset[str] = frozenset()
    """Operations that return the results of a batch, as often as they are asked for: they are counted once."""
    by_subscription: bool = False
    """Whether nothing is billed by tokens."""
    resending: frozenset[str] = frozenset()
    """Operations whose requests are whole conversations that another interaction has too."""
    makers: Mapping[str, str] = {}
    """What stands before the last slash of a model's name, and which maker genai-prices has for it."""

    colour: tuple[str, str] | None = None
    """CSS colours of the dashboard's dots on light and dark backgrounds. None for grey."""
    setup: Mapping[str, Instructions] = {}
    """How clients are pointed at the proxy, by the name that `gemtap setup` takes."""
    request_headers: frozenset[str] = frozenset()
    """Lower-case names of request headers, beside `content-type` and the credential, that an answer depends on. The
    dashboard's code snippets have them."""

    @abstractmethod
    def operation(self, method: str, path: str) -> tuple[str, str | None]:
        """The operation, and the model where the path names one. `path` is raw, without prefix and query."""

    @abstractmethod
    def dialect(self, operation: str, *, is_session: bool) -> Dialect | None:
        """Which dialect reads the operation; None where nothing does. `is_session`: it is a WebSocket session."""

    def read(self, exchange: RawExchange) -> Parsed:
        """Read one exchange. Whatever the bytes are, read what can be read."""
        operation, model = self.operation(exchange.method, exchange.path)
        dialect = self.dialect(operation, is_session=exchange.status == SESSION_STATUS)
        parsed = Parsed(operation, model) if dialect is None else dialect.read(exchange, operation, model)
        return parsed if self.counts(parsed) else replace(parsed, tokens=NO_TOKENS.copy())

    def counts(self, parsed: Parsed) -> bool:
        """Whether the tokens that the exchange reports are its own, as far as it can tell by itself."""
        if self.billed is None or parsed.operation in self.billed | self.batch_results:
            return True
        return parsed.operation in self.told_later and parsed.finish_reason is not None

    def credential(self, path: bytes) -> Credential | None:
        """The credential for replays, where it is another than that of the wire face."""
        return None

    def with_model(self, path: str, model: str) -> str | None:
        """The raw path with another model in place of the one that it names; None where it names none."""
        return None

    def write(self, prompt: Prompt) -> Written | None:
        """A request that asks this API for what was asked of another; None where no such request can be written."""
        return None

    def price(self, bill: Bill) -> Cost | None:
        """The cost at the list's prices of that time; None where nothing is billed, or no tokens are known."""
        if self.by_subscription or not self.is_billed(bill.operation) or bill.tokens["input"] is None:
            return None
        return list_price(self.named(bill), bill.tokens, bill.priced_apart, bill.at)

    def is_billed(self, operation: str) -> bool:
        """Whether the operation may be billed by tokens."""
        return self.billed is None or operation in self.billed | self.told_later | self.batch_results

    def named(self, bill: Bill) -> list[tuple[str, str]]:
        """Maker and name of each model that the price may be found by."""
        return [self._made(model) for model in bill.models if model is not None]

    def _made(self, model: str) -> tuple[str, str]:
        """Maker and name of a model."""
        before, _, name = model.rpartition("/")
        return self.makers.get(before, before), name
