"""The desk's side of the ledger: what recorded interactions really used, and what other Gemtaps use.

The store has what each interaction takes of each window; the ledger has the sums, from which the taps read. If the two
may differ, the sums are computed again from the store: at the start, after the first backlog, and after an error of
which nobody knows whether the store has what it was given.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gemtap.incident import Incident
from gemtap.interaction import Interaction
from gemtap.limits.in_force import LimitsInForce
from gemtap.limits.ledger import DeskLedger, ledger_id
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.limits import Limit
from gemtap.limits.prices import write_prices
from gemtap.limits.windows import window_at
from gemtap.providers.definition import Definition
from gemtap.recorder.limit_prices import Table, learn, list_prices
from gemtap.recorder.other_gemtaps import OtherGemtaps
from gemtap.recorder.settling import SETTLED_MEASURES, refused_by, settlement_of
from gemtap.recorder.unusual_rates import UnusualRates
from gemtap.stores.base import Record, Store, StoreError
from gemtap.stores.limit_usage import NOTHING, Sums, WindowKey

_log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two looks at the taps and at other Gemtaps."""


_MOST_UNUSUAL: Final = 100
"""Warnings that wait until somebody takes them."""


class LimitCounter:
    """Settles what is recorded. Its errors never stop recording: estimates go on counting instead."""

    def __init__(
        self,
        data_dir: Path,
        store: Store,
        limits: LimitsInForce,
        definitions: Mapping[str, Definition] = MappingProxyType({}),
    ) -> None:
        """`definitions`: the providers of the settings, which may have prices of their own. Raises OSError."""
        self._data_dir = data_dir
        self._store = store
        self._limits = limits
        self._definitions = definitions
        self._id = ledger_id(data_dir)
        self._others = OtherGemtaps(self._id, store.shared)
        self._ledger: DeskLedger | None = None
        self._stale = True
        """Whether the sums of the ledger may differ from those of the store."""
        self._drained = False
        self._prices: Table | None = None
        self._priced_on: date | None = None
        self._problem = ""
        self._rates = UnusualRates()
        self._unusual: deque[Incident] = deque(maxlen=_MOST_UNUSUAL)
        self._refused: set[int] = set()

    async def recorded(self, records: Sequence[Record]) -> None:
        """Settle what the store has, and look at it, before its captures are deleted. Raises StoreError."""
        await self.settle([each.document for each in records])
        self._unusual.extend(self._rates.look(records))
        for record in records:
            limit = refused_by(record.document, self._limits.limits)
            if limit is not None:
                self._refused.add(limit.id)

    def take_refused(self) -> set[int]:
        """The ids of limits that have refused a request since the last call."""
        refused, self._refused = self._refused, set()
        return refused

    def take_unusual(self) -> list[Incident]:
        """What was unusual since the last call, the latest of it."""
        unusual = list(self._unusual)
        self._unusual.clear()
        return unusual

    async def settle(self, documents: Sequence[Interaction]) -> None:
        """Settle interactions that the store has, before their captures are deleted. Raises StoreError."""
        found = [settlement_of(each, self._id) for each in documents]
        settlements = [each for each in found if each is not None]
        if not settlements:
            return
        was_stale, self._stale = self._stale, True
        changes = await self._store.limit_usage.settle(self._id, settlements)
        await self._learn_prices(documents)
        if was_stale:
            await self.recompute()
            return
        self._stale = False
        for window, change in changes.items():
            self._count(window, change, DeskLedger.settle)

    async def drained(self) -> None:
        """Nothing that a tap has written waits to be recorded. Raises StoreError."""
        if not self._drained:
            # After a power cut, taps count less than the captures of the backlog have reserved.
            self._drained, self._stale = True, True
        if self._stale:
            await self.recompute()

    async def recompute(self) -> None:
        """Compute the sums of all windows that run from the store. Raises StoreError."""
        ledger = self._open()
        if ledger is None:
            return
        now = time.time()
        sums = await self._store.limit_usage.sums(self._id, datetime.fromtimestamp(now, UTC))
        try:
            ledger.refresh()
        except OSError as exc:
            self._note(f"The limits cannot be counted: {exc}")
            return
        self._limits.refresh()
        for limit in self._limits.limits:
            if limit.measure in SETTLED_MEASURES:
                window = WindowKey(limit.id, window_at(limit.span, now).start)
                self._count(window, sums.get(window, NOTHING), DeskLedger.set_sums)
        self._stale = False

    async def run(self) -> None:
        """Keep an eye on taps and other Gemtaps until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.look()
            await self._write_list_prices()

    async def look(self) -> None:
        """Tell other Gemtaps what is used here, and count what they use."""
        ledger = self._open()
        if ledger is None:
            return
        try:
            ledger.refresh()
            now = time.time()
            windows = [(limit, window_at(limit.span, now)) for limit in self._limits.limits]
            own = {WindowKey(limit.id, window.start): ledger.own_used(limit, window.start) for limit, window in windows}
            others = await self._others.exchange(own, now)
            for limit, window in windows:
                ledger.set_others(limit, window.start, others.get(WindowKey(limit.id, window.start), 0))
        except OSError as exc:
            self._note(f"The limits cannot be counted: {exc}")
        except StoreError as exc:
            self._note(f"What other Gemtaps use of limits is not known now: {exc}")
        else:
            self._problem = ""

    async def _write_list_prices(self) -> None:
        """Once a day while there are limits of cost: prices change."""
        today = datetime.now(UTC).date()
        if self._priced_on == today or not any(each.measure == "cost" for each in self._limits.limits):
            return
        self._priced_on = today
        learnt = self._prices or {}
        self._prices = await asyncio.to_thread(list_prices, datetime.now(UTC), self._definitions)
        for provider, prices in learnt.items():
            self._prices[provider] = prices | self._prices.get(provider, {})
        await self._write_prices(self._prices)

    async def _learn_prices(self, documents: Sequence[Interaction]) -> None:
        if self._prices is not None and await asyncio.to_thread(learn, self._prices, documents):
            await self._write_prices(self._prices)

    async def _write_prices(self, prices: Table) -> None:
        try:
            await asyncio.to_thread(write_prices, self._data_dir, prices)
        except OSError as exc:
            self._note(f"The prices for estimates cannot be written: {exc}")

    def usages(self, now: float) -> list[Usage]:
        """How much of each limit is used at this Unix time; empty while that cannot be told."""
        ledger = self._open()
        if ledger is None:
            return []
        try:
            ledger.refresh()
        except OSError as exc:
            self._note(f"The limits cannot be counted: {exc}")
            return []
        return [ledger.usage(each, now) for each in self._limits.limits]

    def close(self) -> None:
        """Let go of the ledger."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _count(self, window: WindowKey, sums: Sums, count: Callable[[DeskLedger, Limit, int, int, int], None]) -> None:
        ledger, limit = self._open(), self._limits.by_id(window.limit)
        # A limit that was removed has nothing to count.
        if ledger is not None and limit is not None:
            count(ledger, limit, window.start, *sums)

    def _open(self) -> DeskLedger | None:
        """The ledger. It is opened again and again while that fails, such as for a desk that is about to end."""
        if self._ledger is None:
            try:
                self._ledger = DeskLedger(self._data_dir)
            except OSError as exc:
                self._note(f"The limits cannot be counted: {exc}")
            else:
                self._stale = True
        return self._ledger

    def _note(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("%s", problem)
        self._problem = problem
