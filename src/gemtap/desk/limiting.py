"""The limits as the desk shows and changes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from gemtap.access.key_file import Access
from gemtap.incident import IncidentKind, event
from gemtap.limits.in_force import LimitsInForce
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import LimitList, Measure, Subject, put, show_amount
from gemtap.limits.windows import Span
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.limit_prices import write_list_prices
from gemtap.settings import Settings
from gemtap.stores.base import Store
from gemtap.upkeep.shared_lists import change_list


class DeskLimits:
    """See `gemtap.dashboard.limits.Limiting`."""

    def __init__(
        self, settings: Settings, store: Store, in_force: LimitsInForce, counter: LimitCounter, keys: Access
    ) -> None:
        self._settings = settings
        self._store = store
        self._in_force = in_force
        self._counter = counter
        self._keys = keys

    def usages(self) -> Sequence[Usage]:
        """How much of each limit is used now."""
        return self._counter.usages(time.time())

    def is_user(self, name: str) -> bool:
        """Whether there is an access key of this name, whatever its case."""
        return self._keys.table.has_name(name)

    async def set(
        self, subject: Subject, measure: Measure, amount: int, span: Span | None, *, user: str | None
    ) -> None:
        """Set a limit, and note who did it among the events. Raises BadLimit, OSError and StoreError."""
        if measure == "cost":
            # Taps reserve a part of a budget by prices from the first request on.
            await asyncio.to_thread(write_list_prices, self._settings.data_dir, self._settings.providers.definitions)
        what = f"Limit set for {subject}: {measure} {show_amount(measure, amount, span)}"
        await self._change(lambda before: (put(before, subject, measure, amount, span), True), what, user)

    async def unset(self, id_: int, *, user: str | None) -> bool:
        """Remove the limit with this id; False if there is none. Raises OSError and StoreError."""
        gone = self._in_force.by_id(id_)
        if gone is None:
            return False

        def change(before: LimitList) -> tuple[LimitList, bool]:
            left = tuple(each for each in before.limits if each.id != id_)
            return LimitList(left), len(left) < len(before.limits)

        return await self._change(change, f"Limit removed: {gone}", user)

    async def _change(self, change: Callable[[LimitList], tuple[LimitList, bool]], what: str, user: str | None) -> bool:
        done = await change_list(LimitFile(self._settings.data_dir), self._store, change)
        self._in_force.refresh()
        if done:
            message = f"{what}, on the dashboard."
            await self._store.incidents.put([event(IncidentKind.LIMITS_CHANGED, message, user)])
        return done
