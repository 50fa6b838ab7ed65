"""Daily pruning by the desk, according to the settings."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from gemtap import units
from gemtap.settings import Settings
from gemtap.stores.base import Store, StoreError
from gemtap.stores.query.parsing import parse
from gemtap.upkeep.prune import Retention, prune

_log = logging.getLogger(__name__)

_FIRST_AFTER: Final = 60.0
"""Seconds after the start, so that the recorder first empties the spool."""

_EVERY: Final = 86_400.0
_AGAIN_AFTER: Final = 900.0
"""Seconds to wait if the store was unavailable."""


def retention_of(settings: Settings, at: datetime) -> Retention:
    """The retention rules of the settings at the current time. Raises BadQuery."""
    return Retention(
        older_than=units.parse_age(settings.prune_older_than) if settings.prune_older_than else None,
        max_size=units.parse_size(settings.prune_max_size) if settings.prune_max_size else None,
        keep=parse(settings.prune_keep, at) if settings.prune_keep.strip() else None,
    )


async def prune_daily(
    settings: Settings, store: Store, *, first_after: float = _FIRST_AFTER, every: float = _EVERY
) -> None:
    """Prune soon after the start and then daily, until cancelled. Returns if the settings ask for no pruning."""
    if retention_of(settings, datetime.now(UTC)).asks_for_nothing:
        return
    pause = first_after
    while True:
        await asyncio.sleep(pause)
        pause = every
        now = datetime.now(UTC)
        try:
            retention = retention_of(settings, now)
            done = await prune(store, retention, now)
        except StoreError as exc:
            _log.warning("Pruning is put off: %s", exc)
            pause = min(_AGAIN_AFTER, every)
            continue
        if done.deleted:
            _log.info(
                "Pruned %d interactions; %s returned to the disk.", done.deleted, units.format_size(done.given_back)
            )
        if done.too_large:
            reason = "an empty one is too" if retention.keep is None else "prune_keep protects the rest"
            _log.warning("The store is larger than prune_max_size: %s.", reason)
