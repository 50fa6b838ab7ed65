"""The reader face of a provider: what the desk knows of an API beyond the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from gemtap.dialects.base import Dialect, Parsed, RawExchange
from gemtap.interaction import Cost, Tokens
from gemtap.providers.credential import Credential
from gemtap.providers.instructions import Instructions
from gemtap.providers.prices import list_price

SESSION_STATUS = 101
"""Switching Protocols: the exchange is a WebSocket session."""


class Reader(ABC):
    """How exchanges with one API are read, priced and replayed."""

    unbilled: ClassVar[frozenset[str]] = frozenset()
    """Operations that report tokens and are not billed."""
    by_subscription: ClassVar[bool] = False
    """Whether nothing is billed by tokens."""
    resending: ClassVar[frozenset[str]] = frozenset()
    """Operations whose requests are whole conversations that another interaction has too."""
    makers: ClassVar[Mapping[str, str]] = {}
    """What stands before the last slash of a model's name, and which maker genai-prices has for it."""

    colour: ClassVar[tuple[str, str] | None] = None
    """CSS colours of the dashboard's dots on light and dark backgrounds. None for grey."""
    setup: ClassVar[Mapping[str, Instructions]] = {}
    """How clients are pointed at the proxy, by the name that `gemtap setup` takes."""
    request_headers: ClassVar[frozenset[str]] = frozenset()
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
        return Parsed(operation, model) if dialect is None else dialect.read(exchange, operation, model)

    def credential(self, path: bytes) -> Credential | None:
        """The credential for sending a request to this raw path again; None where replays are not possible."""
        return None

    def with_model(self, path: str, model: str) -> str | None:
        """The raw path with another model in place of the one that it names; None where it names none."""
        return None

    def price(
        self,
        operation: str,
        models: Sequence[str | None],
        tokens: Tokens,
        priced_apart: Mapping[str, int],
        at: datetime,
    ) -> Cost | None:
        """The cost in US dollars at the list's prices of that time; None where it is not known, never 0 for that.

        `models` are names to look for, the most exact first; `priced_apart` is the dialect's.
        """
        if self.by_subscription or operation in self.unbilled or tokens["input"] is None:
            return None
        named = [self._made(model) for model in models if model is not None]
        return list_price(named, tokens, priced_apart, at)

    def _made(self, model: str) -> tuple[str, str]:
        """Maker and name of a model."""
        before, _, name = model.rpartition("/")
        return self.makers.get(before, before), name
