"""Pruning: deletes old interactions, or the oldest ones of a store that is too large, in small batches.

Pruning by age deletes a whole conversation once its last turn is old enough, so that no conversation loses its
beginning. Conversations that match `keep` stay whole. Pruning by size deletes the oldest interactions turn by turn:
later turns hold the earlier messages anyway. docs/operations.md describes the rules.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from gemtap.incident import Incident, IncidentKind, now
from gemtap.stores.base import Filter, Store, StoreError
from gemtap.stores.maintenance import Space
from gemtap.stores.paging import batches
from gemtap.stores.query.filter import Condition, Is, asks_for_words
from gemtap.units import format_size

_LOOKED_AT: Final = 200
"""Number of interactions examined at a time."""

_STEP: Final = 0.03
"""Target duration of deleting one batch, in seconds: short enough for the recorder not to notice."""

_SMALLEST, _LARGEST = 5, 200
"""Limits of the number of interactions in a batch."""

_THREADS_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Retention:
    """Retention rules."""

    older_than: timedelta | None = None
    """Interactions before this time are deleted."""
    max_size: int | None = None
    """Size limit of the store in bytes. The oldest interactions are deleted until it is met."""
    keep: Filter | None = None
    """Interactions that match are never deleted, even if the store stays too large."""

    @property
    def asks_for_nothing(self) -> bool:
        """Whether the rules never delete anything."""
        return self.older_than is None and self.max_size is None


@dataclass(slots=True)
class Pruned:
    """Result of pruning, or of a dry run. Counts grow while it runs."""

    deleted: int = 0
    kept: int = 0
    """Interactions kept because of `keep`, or because their conversation continues."""
    oldest: datetime | None = None
    newest: datetime | None = None
    """Times of the oldest and newest deleted interaction."""
    before: Space | None = None
    after: Space | None = None
    given_back: int = 0
    """Bytes returned to the file system."""
    too_large: bool = False
    """Whether the store exceeds `max_size` because of `keep`, or because even an empty one does."""

    def note(self, items: Sequence[dict[str, Any]]) -> None:
        """Count interactions as deleted."""
        for item in items:
            self.deleted += 1
            self.oldest = min(self.oldest or item["timestamp"], item["timestamp"])
            self.newest = max(self.newest or item["timestamp"], item["timestamp"])


Progress = Callable[[Pruned, int, int | None], None]
"""Called after each step with the progress, the number examined and the total."""


async def prune(
    store: Store, retention: Retention, at: datetime, *, dry_run: bool = False, progress: Progress | None = None
) -> Pruned:
    """Delete what the rules do not keep, and store an incident about it. Raises StoreError."""
    if retention.keep is not None and asks_for_words(retention.keep) and await store.search_index.due(limit=1):
        raise StoreError(
            "Nothing was pruned: the query of what to keep has words, and not everything is searchable yet. "
            "`gemtap serve` makes it so in the background; try again later."
        )
    before = await store.maintenance.space(settled=True)
    done = Pruned(before=before)
    work = _Pruning(store, retention, done, dry_run=dry_run, progress=progress or (lambda *_: None))
    try:
        if retention.older_than is not None:
            await work.by_age(at - retention.older_than)
        if retention.max_size is not None:
            await work.by_size(retention.max_size)
    finally:
        if done.deleted and not dry_run:
            # Also for what was deleted before an interruption.
            await store.incidents.put([_incident(done)])
    if not dry_run:
        # Also what an interrupted prune has left, or somebody who has deleted documents of MongoDB by hand.
        await work.reclaim()
    done.after = await store.maintenance.space(settled=True)
    # The recorder may reuse some of the space at once.
    done.given_back = max(0, (before.used + before.free) - (done.after.used + done.after.free))
    return done


class _Pruning:
    def __init__(self, store: Store, retention: Retention, done: Pruned, *, dry_run: bool, progress: Progress) -> None:
        self._store = store
        self._keep = retention.keep
        self._done = done
        self._dry_run = dry_run
        self._progress = progress
        self._looked_at = 0
        self._step = _SMALLEST
        self._share = 1.0
        """Average bytes per interaction."""
        self._older_than: datetime | None = None
        """Interactions before this time are already deleted, or counted as deleted in a dry run."""
        self._staying: OrderedDict[tuple[ObjectId, datetime | None], bool] = OrderedDict()
        """Cached decisions by thread and time limit: whether the thread is kept."""

    async def by_age(self, before: datetime) -> None:
        """Delete conversations whose last turn was before the limit."""
        where = Filter(until=before)
        total = await self._store.count(where)
        self._older_than = before
        async for batch in self._oldest(where):
            goes = [item for item in batch if not await self._stays(item, since=before)]
            self._done.kept += len(batch) - len(goes)
            await self._delete(goes, total)

    async def by_size(self, most: int) -> None:
        """Delete the oldest interactions until the store is at most `most` bytes large.

        This takes several rounds: how much an interaction frees is known only after its deletion, since interactions
        share most of their content.
        """
        left = await self._settled_size()
        count = await self._store.count(Filter())
        if self._dry_run:
            left -= left / max(count, 1) * self._done.deleted
        if left <= most:
            return
        in_round = _round(left, most, count)
        async for batch in self._oldest(Filter()):
            there = [item for item in batch if not await self._would_be_gone(item)]
            goes = [item for item in there if not await self._stays(item, since=None)]
            self._done.kept += len(there) - len(goes)
            while goes:
                some, goes = goes[:in_round], goes[in_round:]
                await self._delete(some, None)
                in_round -= len(some)
                if self._dry_run:
                    left -= left / max(count, 1) * len(some)
                elif not in_round:
                    await self.reclaim()
                    left = await self._size()
                count -= len(some)
                if left <= most:
                    return
                if not in_round:
                    in_round = _round(left, most, count)
        if not self._dry_run:
            await self.reclaim()
            left = await self._size()
        self._done.too_large = left > most

    async def _settled_size(self) -> float:
        """Size of the store without the space of deleted interactions."""
        assert self._done.before is not None
        if not self._dry_run:
            await self.reclaim()
        now = await self._store.maintenance.space(settled=True)
        # Either may still include deleted interactions that are not freed yet.
        self._share = min(each.used / max(each.content, 1) for each in (self._done.before, now))
        return self._share * now.content

    async def _size(self) -> float:
        """Size of the store. MongoDB reports freed space a minute late, but the content size at once."""
        return self._share * (await self._store.maintenance.space()).content

    async def reclaim(self) -> None:
        """Free the space of deleted interactions and return it to the file system."""
        async for done, of in self._store.maintenance.reclaim():
            self._progress(self._done, done, of)
            await asyncio.sleep(0)

    async def _oldest(self, where: Filter) -> AsyncIterator[Sequence[dict[str, Any]]]:
        async for batch in batches(self._store, where, size=_LOOKED_AT):
            yield batch
            self._looked_at += len(batch)

    async def _stays(self, item: dict[str, Any], since: datetime | None) -> bool:
        """Whether an interaction is kept: it or its conversation matches `keep`, or the conversation continued."""
        if item["thread"] is None:
            return self._keep is not None and await self._any(self._keep & _one_of("id", [item["_id"]]))
        thread: ObjectId = item["thread"]["id"]
        known = self._staying.get((thread, since))
        if known is None:
            own = _one_of("thread", [thread])
            known = (self._keep is not None and await self._any(self._keep & own)) or (
                since is not None and await self._any(own & Filter(since=since))
            )
            self._staying[thread, since] = known
            if len(self._staying) > _THREADS_REMEMBERED:
                self._staying.popitem(last=False)
        return known

    async def _would_be_gone(self, item: dict[str, Any]) -> bool:
        """Whether a dry run already counted it as deleted by age."""
        before = self._older_than
        if not self._dry_run or before is None or item["timestamp"] >= before:
            return False
        return not await self._stays(item, since=before)

    async def _any(self, where: Filter) -> bool:
        return bool(await self._store.list(where, limit=1))

    async def _delete(self, items: list[dict[str, Any]], total: int | None) -> None:
        while items:
            some, items = items[: self._step], items[self._step :]
            if not self._dry_run:
                started = time.monotonic()
                await self._store.delete([item["_id"] for item in some])
                took = time.monotonic() - started
                self._step = _next_step(len(some), took)
                # Pause as long as the batch took: others get at least half of the store's time.
                await asyncio.sleep(took)
            self._done.note(some)
            self._progress(self._done, self._looked_at + len(some), total)
        self._progress(self._done, self._looked_at, total)


def _round(left: float, most: int, count: int) -> int:
    """Number to delete before measuring again: less than the average suggests, since the oldest may be the largest."""
    return max(_SMALLEST, count // 100, int(0.7 * (left - most) / left * count))


def _next_step(size: int, took: float) -> int:
    """Size of the next batch, so that it meets the target duration."""
    return max(_SMALLEST, min(_LARGEST, 2 * size, int(size * _STEP / max(took, 1e-6))))


def _one_of(field: str, ids: Sequence[ObjectId]) -> Filter:
    return Filter(Condition(field, tuple(Is(id_) for id_ in ids)))


def _incident(done: Pruned) -> Incident:
    assert done.oldest is not None
    assert done.newest is not None
    moment = now()
    return {
        "_id": ObjectId(),
        "at": moment,
        "until": moment,
        "kind": IncidentKind.PRUNED,
        "count": done.deleted,
        "message": f"Pruned, as asked for: {done.deleted:,} interactions from {done.oldest:%Y-%m-%d %H:%M} to "
        f"{done.newest:%Y-%m-%d %H:%M} (UTC) were deleted."
        + (f" The store took up {format_size(done.before.used)} before." if done.before else ""),
        "details": {"kept": done.kept},
    }
