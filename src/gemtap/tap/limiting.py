"""Limits: what of them a request takes, and whether there is room, before anything of it is sent.

There are two moments. Once the head has arrived, a request is refused whose user, client or everybody has nothing left.
Once the body has arrived, if a limit depends on it, what the request may use is reserved. That is settled when the
interaction is recorded; a concurrent request is given back when the exchange ends, in whatever way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from gemtap.capture.events import Reservation, Reserved
from gemtap.limits.estimate import MOST_READ, Estimate, of_body, of_size
from gemtap.limits.in_force import LimitsInForce
from gemtap.limits.ledger import Claim, TapLedger
from gemtap.limits.limits import Limit
from gemtap.limits.prices import Prices
from gemtap.limits.windows import Window, window_at
from gemtap.tap.client_request import ClientHead
from gemtap.tap.destinations import Place
from gemtap.tap.errors import cannot_count, limit_reached
from gemtap.tap.headers import value_of

_log = logging.getLogger(__name__)

_SYNC_EVERY: Final = 1.0
"""Seconds between two writes of the ledger to the disk, which only a power cut makes necessary."""

MOST_HELD: Final = 256 * 2**20
"""Bytes of memory for bodies that are held at the same time, of all requests. What finds no room counts by its size."""

_NAMING: Final = (
    *(b"user-agent", b"x-goog-api-client", b"x-title", b"http-referer"),
    *(b"x-stainless-lang", b"x-stainless-package-version", b"x-kilocode-version", b"x-client-version"),
)
"""Request headers by which a client is known: those that `gemtap.providers.clients` reads."""


class Limiter:
    """The limits of this tap: those in force, prices for estimates, and the ledger. `refresh` keeps all current."""

    def __init__(self, data_dir: Path) -> None:
        """Raises OSError if there are limits that cannot be read."""
        self._data_dir = data_dir
        self.in_force = LimitsInForce(data_dir)
        self.prices = Prices(data_dir)
        self.ledger: TapLedger | None = None
        """None as long as there are no limits, or if it cannot be opened."""
        self.problem: str | None = None
        """Why nothing can be counted: requests for which there are limits are refused then."""
        self.held = 0
        """Bytes for which requests have room: see `LimitedRequest.may_hold`."""
        self._windows: dict[int, Window] = {}
        self._is_dirty = False
        self._client = lru_cache(maxsize=256)(_client_name)
        self.refresh()

    @property
    def is_on(self) -> bool:
        """Whether there are limits."""
        return self.in_force.is_on

    def refresh(self) -> None:
        """Read again what has changed, several times a second."""
        self.in_force.refresh()
        if not self.is_on:
            return
        self.prices.refresh()
        try:
            if self.ledger is None:
                self.ledger = TapLedger(self._data_dir)
            else:
                self.ledger.refresh()
            problem = None
        except OSError as exc:
            problem = str(exc)
        if problem is not None and problem != self.problem:
            _log.error("REQUESTS WITH LIMITS ARE REFUSED, since they cannot be counted: %s", problem)
        self.problem = problem

    def begin(self, head: ClientHead, place: Place, user: str | None, *, is_session: bool) -> LimitedRequest | None:
        """A request for which there may be limits; None if it asks no model for anything."""
        if not is_session and not (place.asks and head.method == "POST"):
            return None
        client, model = None, place.model
        if self.in_force.reads_client:
            client = self._client(*(value_of(head.headers, name) for name in _NAMING))
        if is_session and model is None and b"model=" in head.query:
            model = parse_qs(head.query.decode("latin-1")).get("model", [None])[0]
        return LimitedRequest(self, head, place, model, self.in_force.of_sender(user, client), is_session=is_session)

    def window_of(self, limit: Limit, now: float) -> Window:
        """The present window of a limit."""
        window = self._windows.get(limit.id)
        if window is None or not window.start <= now < window.end:
            if len(self._windows) > 2 * 10**4:
                self._windows.clear()
            window = self._windows[limit.id] = window_at(limit.span, now)
        return window

    def opened(self) -> TapLedger:
        """The ledger. Raises ExchangeFault."""
        if self.ledger is None or self.problem is not None:
            raise cannot_count(self.problem or "the ledger is not open yet")
        self._is_dirty = True
        return self.ledger

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write the ledger to the disk once a second, and close it at the end."""

        async def sync() -> None:
            while True:
                await asyncio.sleep(_SYNC_EVERY)
                if self._is_dirty and self.ledger is not None:
                    self._is_dirty = False
                    try:
                        await asyncio.to_thread(self.ledger.sync)
                    except OSError as exc:
                        _log.warning("The ledger of limits cannot be written to the disk: %s", exc)

        try:
            async with asyncio.TaskGroup() as tasks:
                syncing = tasks.create_task(sync())
                yield
                syncing.cancel()
        finally:
            ledger, self.ledger = self.ledger, None
            if ledger is not None:
                ledger.close()


class LimitedRequest:
    """What one exchange takes of limits."""

    def __init__(
        self,
        limiter: Limiter,
        head: ClientHead,
        place: Place,
        model: str | None,
        of_sender: tuple[Limit, ...],
        *,
        is_session: bool,
    ) -> None:
        """`model`: as the head names it. `of_sender`: the limits that hold whatever the body says."""
        self._limiter = limiter
        self._head = head
        self._place = place
        self._model = model
        self._of_sender = of_sender
        self._is_session = is_session
        self._concurrent: list[Claim] = []
        self._held = 0

    def may_hold(self, length: int | None) -> bool:
        """Whether a limit depends on the body, and there is room to hold it until the exchange is over.

        `length` in bytes, if it is known.
        """
        size = MOST_READ if length is None else length
        limiter = self._limiter
        if self._is_session or not limiter.in_force.reads_body or size > MOST_READ or limiter.held + size > MOST_HELD:
            return False
        self._held += size
        limiter.held += size
        return True

    def check(self, now: float) -> None:
        """Raises ExchangeFault if nothing is left for the sender, whatever the request asks for."""
        if not self._of_sender:
            return
        ledger = self._limiter.opened()
        for limit in self._of_sender:
            refused = ledger.used_up(limit, self._limiter.window_of(limit, now))
            if refused is not None:
                raise limit_reached(refused, now)

    def reserve(self, body: bytes | None, size: int, now: float) -> Reserved | None:
        """Reserve what the request may use, and return that for the capture; None if there is no limit for it.

        `body`: as it came; None if it is not held. `size`: its bytes, as far as they are known. Raises ExchangeFault if
        there is no room.
        """
        estimate = self._estimate(body, size)
        model = self._model or estimate.model
        in_force = self._limiter.in_force
        is_any = model is None and not estimate.is_read and not self._is_session
        of_model = in_force.of_any_model() if is_any else in_force.of_model(model)
        limits = (*self._of_sender, *of_model)
        if not limits:
            return None
        ledger = self._limiter.opened()
        claims = [self._claim(each, model, estimate, now) for each in limits]
        try:
            refused = ledger.admit(claims)
        except OSError as exc:
            raise cannot_count(str(exc)) from exc
        if refused is not None:
            raise limit_reached(refused, now)
        self._concurrent = [each for each in claims if each.limit.measure == "concurrent"]
        reserved = [_reservation(each) for each in claims if each.limit.measure != "concurrent"]
        return {"ledger": ledger.id, "limits": reserved} if reserved else None

    def give_back(self) -> None:
        """The exchange is over. The first call counts."""
        self._limiter.held -= self._held
        self._held = 0
        concurrent, self._concurrent = self._concurrent, []
        if concurrent and self._limiter.ledger is not None:
            self._limiter.ledger.withdraw(concurrent)

    def _estimate(self, body: bytes | None, size: int) -> Estimate:
        has_output = b"embed" not in self._place.upstream_path.lower()
        if body is None or not self._limiter.in_force.reads_body:
            return of_size(size, has_output=has_output)
        encoding = (value_of(self._head.headers, b"content-encoding") or b"").decode("latin-1")
        return of_body(body, encoding, has_output=has_output)

    def _claim(self, limit: Limit, model: str | None, estimate: Estimate, now: float) -> Claim:
        match limit.measure:
            case "tokens":
                amount = estimate.input_tokens + estimate.output_tokens
            case "cost":
                amount = self._limiter.prices.cost(
                    self._place.provider, model, estimate.input_tokens, estimate.output_tokens
                )
            case _:
                amount = 1
        return Claim(limit, self._limiter.window_of(limit, now), amount)


def _reservation(claim: Claim) -> Reservation:
    return {
        "limit": claim.limit.id,
        "measure": claim.limit.measure,
        "start": claim.window.start,
        "ends": claim.window.end,
        "amount": claim.amount,
    }


def _client_name(*values: bytes | None) -> str | None:
    """The name of a client by the values of its naming headers."""
    # Only with a limit for clients: a tap loads nothing that it can do without.
    from gemtap.limits.clients import client_name

    named = zip(_NAMING, values, strict=True)
    return client_name({name.decode("ascii"): value.decode("latin-1") for name, value in named if value is not None})
