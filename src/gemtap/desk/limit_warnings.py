"""Warnings before a limit is reached, and of unusual rates: found here, stored as events, and told in every way."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bson import ObjectId

from gemtap.desk.warned import Told, WarnedFile
from gemtap.desk.warning_ways import WarningWays
from gemtap.incident import Incident, IncidentKind, now
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.shown import used_of
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.progress import Progress
from gemtap.settings import Settings
from gemtap.stores.base import Store, StoreError
from gemtap.upkeep.shared_lists import change_list

_log = logging.getLogger(__name__)

_EVERY: Final = 1.0

_STEPS: Final = (100, 80, 50)
"""Per cent of a limit."""

_AT_THE_TOP: Final = 80
"""Per cent from which on every page shows it."""

_SHORT: Final = (None, "second", "minute")
"""Windows that come so often that only the limit itself is told, and once an hour."""

_HOUR: Final = 3600
_LATELY: Final = timedelta(minutes=10)
"""How long pages show an unusual rate."""

_RATES: Final = 5
"""Unusual rates that pages show at a time."""


class LimitWarnings:
    """Looks at the limits once a second, and at what the recorder found unusual."""

    def __init__(
        self, settings: Settings, store: Store, counter: LimitCounter, progress: Progress, ways: WarningWays
    ) -> None:
        self._file = WarnedFile(settings.data_dir)
        self._store = store
        self._counter = counter
        self._progress = progress
        self._ways = ways
        self._rates: deque[Incident] = deque(maxlen=_RATES)
        self._problem = ""

    async def run(self) -> None:
        """Warn until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.look(time.time())

    async def look(self, at: float) -> None:
        """Warn of what is so at this Unix time."""
        try:
            await self._look(at)
            self._problem = ""
        except (OSError, StoreError) as exc:
            if str(exc) != self._problem:
                self._problem = str(exc)
                _log.warning("Warnings of limits are put off: %s", exc)

    async def _look(self, at: float) -> None:
        usages = self._counter.usages(at)
        refused = self._counter.take_refused()
        told = self._file.read().steps if refused or any(map(_step_of, usages)) else {}
        reached: list[tuple[Usage, Told]] = []
        for usage in usages:
            limit = usage.limit
            start = usage.window.start if limit.span not in _SHORT else int(at) // _HOUR * _HOUR
            step = 100 if limit.id in refused else _step_of(usage)
            before = told.get((limit.id, start, limit.amount), 0)
            if step > before:
                await self._warn(usage, Told(limit.id, start, limit.amount, step), {each.limit.id for each in usages})
            if limit.span not in _SHORT or step == 100:
                reached.append((usage, Told(limit.id, start, limit.amount, max(step, before))))
        for incident in self._counter.take_unusual():
            self._rates.append(incident)
            await self._store.incidents.put([incident])
            self._ways.tell(incident)
        self._show(reached, at)

    async def _warn(self, usage: Usage, told: Told, known: set[int]) -> None:
        # The event first: its id is always the same, and whoever dies after it tells it again.
        incident = _incident(usage, told)
        await self._store.incidents.put([incident])
        if await change_list(self._file, self._store, lambda before: before.add(told, known)):
            _log.warning("%s", incident["message"])
            self._ways.tell(incident)

    def _show(self, reached: Sequence[tuple[Usage, Told]], at: float) -> None:
        """What is so now, for the top of each page."""
        since = datetime.fromtimestamp(at, UTC) - _LATELY
        self._progress.warnings = [
            *(_incident(usage, told) for usage, told in reached if told.step >= _AT_THE_TOP),
            *(each for each in self._rates if each["at"] >= since),
        ]


def _step_of(usage: Usage) -> int:
    """The highest step that is reached; 0 for none."""
    if not usage.limit.amount:
        return 0  # it switches something off: only a refusal tells anything
    step = next((step for step in _STEPS if usage.share * 100 >= step), 0)
    return step if usage.limit.span not in _SHORT or step == 100 else 0


def _incident(usage: Usage, told: Told) -> Incident:
    limit, moment = usage.limit, now()
    used = f"{limit}. Used: {used_of(usage)}."
    if limit.span is not None:
        used += f" The window ends at {datetime.fromtimestamp(usage.window.end, UTC):%Y-%m-%d %H:%M} UTC."
    if told.step < 100:
        message = f"{told.step} % of a limit is used: {used}"
    elif usage.used >= limit.amount:
        message = f"A limit is reached: {used} Requests beyond it are refused."
    else:
        message = f"A request was refused, since it might exceed a limit: {used}"
    details = {
        "limit": limit.id,
        "subject": str(limit.subject),
        "measure": limit.measure,
        "amount": limit.amount,
        "used": usage.used,
        "step": told.step,
        "start": told.start,
    }
    if limit.scope == "user":
        details["concerns"] = limit.pattern
    place = f"limit {told.limit} {told.start} {told.amount} {told.step}"
    return {
        "_id": ObjectId(hashlib.blake2b(place.encode(), digest_size=12).digest()),
        "at": moment,
        "until": moment,
        "kind": IncidentKind.LIMIT_WARNING,
        "count": 0,
        "message": message,
        "details": details,
    }
