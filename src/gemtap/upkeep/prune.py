"""Pruning: what is old, or too much, is deleted, in steps so small that recording goes on beside it.

By age a conversation goes as a whole, some time after its last turn: none that is read is ever without its beginning.
What matches `keep` stays, with the whole of its conversation. By size the oldest interactions go first, turn by turn:
each holds what was said before it anyway. docs/operations.md says so for people.
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
from gemtap.stores.base import Cursor, Filter, Space, Store, StoreError
from gemtap.stores.filter import Condition, Is, asks_for_words
from gemtap.units import format_size

_LOOKED_AT: Final = 200
"""Interactions that are looked at together."""

_STEP: Final = 0.03
"""Seconds that deleting a batch should take: nobody who records notices to wait for so long."""

_SMALLEST, _LARGEST = 5, 200
"""Interactions in a batch."""

_THREADS_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Retention:
    """What may stay."""

    older_than: timedelta | None = None
    """What is older goes."""
    max_size: int | None = None
    """Bytes that the store may take up; the oldest goes until it does not take more."""
    keep: Filter | None = None
    """What matches stays, whatever its age, and if the store is too large then."""

    @property
    def asks_for_nothing(self) -> bool:
        """Whether nothing would ever be deleted."""
        return self.older_than is None and self.max_size is None


@dataclass(slots=True)
class Pruned:
    """What has been done, or in a dry run would be. It fills while it goes on."""

    deleted: int = 0
    kept: int = 0
    """Looked at, and spared by `keep` or as part of a conversation that goes on."""
    oldest: datetime | None = None
    newest: datetime | None = None
    """Of what was deleted."""
    before: Space | None = None
    after: Space | None = None
    given_back: int = 0
    """Bytes that the disk has again."""
    too_large: bool = False
    """More stays than `max_size` allows, for `keep` wants it."""

    def note(self, items: Sequence[dict[str, Any]]) -> None:
        """These are deleted."""
        for item in items:
            self.deleted += 1
            self.oldest = min(self.oldest or item["timestamp"], item["timestamp"])
            self.newest = max(self.newest or item["timestamp"], item["timestamp"])


Progress = Callable[[Pruned, int, int | None], None]
"""Told after each step: how it goes, how many were looked at, and of how many."""


async def prune(
    store: Store, retention: Retention, at: datetime, *, dry_run: bool = False, progress: Progress | None = None
) -> Pruned:
    """Delete what may not stay, as of this moment, and write down in the store that it was. Raises StoreError."""
    if retention.keep is not None and asks_for_words(retention.keep) and await store.unsearchable(limit=1):
        raise StoreError(
            "Nothing was pruned: what is to be kept is told by words, and not everything is searchable yet. "
            "`gemtap serve` makes it so in the background; try again later."
        )
    before = await store.space(settled=True)
    done = Pruned(before=before)
    work = _Pruning(store, retention, done, dry_run=dry_run, progress=progress or (lambda *_: None))
    try:
        if retention.older_than is not None:
            await work.by_age(at - retention.older_than)
        if retention.max_size is not None:
            await work.by_size(retention.max_size)
    finally:
        if done.deleted and not dry_run:
            # Also of what was deleted before it was interrupted.
            await store.put_incidents([_incident(done)])
    if done.deleted and not dry_run:
        await work.reclaim()
    done.after = await store.space(settled=True)
    # Who records meanwhile takes some of it at once.
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
        """Bytes that the store takes up for each of what is in it."""
        self._older_than: datetime | None = None
        """What is older is gone already, or would be if this were not a dry run."""
        self._staying: OrderedDict[tuple[ObjectId, datetime | None], bool] = OrderedDict()
        """By thread, and since when it must have gone on for that: whether it stays."""

    async def by_age(self, before: datetime) -> None:
        """Delete the conversations whose last turn was before then."""
        where = Filter(until=before)
        total = await self._store.count(where)
        self._older_than = before
        async for batch in self._oldest(where):
            goes = [item for item in batch if not await self._stays(item, since=before)]
            self._done.kept += len(batch) - len(goes)
            await self._delete(goes, total)

    async def by_size(self, most: int) -> None:
        """Delete the oldest interactions until the store takes up no more than so many bytes.

        In rounds: what an interaction alone has of the store, and others do not share, is only known once it is gone.
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
        """What the store takes up once everything that is deleted is free, and so does not count."""
        assert self._done.before is not None
        if not self._dry_run:
            await self.reclaim()
        now = await self._store.space(settled=True)
        # Either may be too high by what was deleted and is not free yet.
        self._share = min(each.used / max(each.content, 1) for each in (self._done.before, now))
        return self._share * now.content

    async def _size(self) -> float:
        """What the store takes up. MongoDB tells a minute later what was freed; what is in it shrinks at once."""
        return self._share * (await self._store.space()).content

    async def reclaim(self) -> None:
        """Free what was deleted, and give it back to the disk."""
        await self._store.tidy_search()
        async for done, of in self._store.reclaim():
            self._progress(self._done, done, of)
            await asyncio.sleep(0)

    async def _oldest(self, where: Filter) -> AsyncIterator[list[dict[str, Any]]]:
        after: Cursor | None = None
        while batch := await self._store.oldest(where, limit=_LOOKED_AT, after=after):
            after = Cursor(batch[-1]["timestamp"], batch[-1]["_id"])
            yield batch
            self._looked_at += len(batch)

    async def _stays(self, item: dict[str, Any], since: datetime | None) -> bool:
        """Whether it is to be kept itself, or is part of a conversation that is, or that has gone on since then."""
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
        """Whether it has been counted as deleted by its age, in a dry run."""
        before = self._older_than
        if not self._dry_run or before is None or item["timestamp"] >= before:
            return False
        return not await self._stays(item, since=before)

    async def _any(self, where: Filter) -> bool:
        return bool((await self._store.page(where, limit=1)).items)

    async def _delete(self, items: list[dict[str, Any]], total: int | None) -> None:
        while items:
            some, items = items[: self._step], items[self._step :]
            if not self._dry_run:
                started = time.monotonic()
                await self._store.delete([item["_id"] for item in some])
                took = time.monotonic() - started
                self._step = _next_step(len(some), took)
                # As long as it took: whoever waits for the store meanwhile gets half of its time at least.
                await asyncio.sleep(took)
            self._done.note(some)
            self._progress(self._done, self._looked_at + len(some), total)
        self._progress(self._done, self._looked_at, total)


def _round(left: float, most: int, count: int) -> int:
    """How many to delete before looking again: less than the average says, for the oldest may be the largest."""
    return max(_SMALLEST, count // 100, int(0.7 * (left - most) / left * count))


def _next_step(size: int, took: float) -> int:
    """How many to delete next, so that it takes as long as it should."""
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
