"""Copies a store into another one, of either kind.

Interactions that the target already has are skipped, so that a second run completes an interrupted copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bson import ObjectId

from gemtap.exporters.jsonl import record_of
from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Filter, Record, RecordRejected, Store
from gemtap.stores.paging import batches
from gemtap.stores.place import place_of
from gemtap.stores.presence import missing_ids

_LOOKED_AT: Final = 200
"""Number of interactions that are compared at a time."""

_AT_ONCE: Final = 20
_BYTES_AT_ONCE: Final = 16 * 2**20
"""Limits of a batch: number of interactions, and bytes of bodies."""

_ALL: Final = 2**31 - 1
_INCIDENTS_AT_ONCE: Final = 500


@dataclass(slots=True)
class Copied:
    """Progress and result of a copy. Counts grow while it runs."""

    looked_at: int = 0
    copied: int = 0
    present: int = 0
    """Already in the target."""
    gone: int = 0
    """Deleted from the source meanwhile."""
    incidents: int = 0
    rejected: dict[ObjectId, str] = field(default_factory=dict)
    """Interactions that the target rejects or that are damaged in the source, with the reason."""


Progress = Callable[[Copied, int], None]
"""Called after each step with the progress and the total number of interactions."""


async def copy(source: Store, target: Store, *, progress: Progress | None = None) -> Copied:
    """Copy every interaction that exists now, all incidents, and saved searches with a free name. Raises StoreError."""
    done = Copied()
    total = await source.count(Filter())
    async for batch in _everything(source):
        wanted = await missing_ids(target, batch)
        missing = [item for item in batch if item["_id"] in wanted]
        done.present += len(batch) - len(missing)
        done.looked_at += len(batch) - len(missing)
        for some in _portions(missing):
            await _carry(source, target, some, done)
            done.looked_at += len(some)
            if progress is not None:
                progress(done, total)
        if progress is not None:
            progress(done, total)
    incidents = await source.incidents.newest(limit=_ALL)
    for start in range(0, len(incidents), _INCIDENTS_AT_ONCE):
        await target.incidents.put(incidents[start : start + _INCIDENTS_AT_ONCE])
    done.incidents = len(incidents)
    there = {each["name"] for each in await target.searches.all()}
    for search in await source.searches.all():
        if search["name"] not in there:
            await target.searches.put(search)
    return done


async def _everything(source: Store) -> AsyncIterator[list[dict[str, Any]]]:
    """Documents without bodies, oldest first, up to the newest one at the start."""
    for newest in await source.list(Filter(), limit=1):
        async for batch in batches(source, Filter(), size=_LOOKED_AT):
            yield [item for item in batch if place_of(item) <= place_of(newest)]
            if place_of(batch[-1]) >= place_of(newest):
                return


def _portions(items: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    portion: list[dict[str, Any]] = []
    size = 0
    for item in items:
        portion.append(item)
        size += sum(part["body_bytes"] for part in (item["request"], item["response"]) if part)
        if len(portion) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


async def _carry(source: Store, target: Store, items: Sequence[dict[str, Any]], done: Copied) -> None:
    links = await source.links.of([item["_id"] for item in items])
    found = await asyncio.gather(*(_record(source, item["_id"], done) for item in items))
    records = await asyncio.to_thread(_with_all, [each for each in found if each is not None], links)
    try:
        await target.put(records)
        done.copied += len(records)
    except RecordRejected:
        # One record is at fault. The others are stored one by one.
        for record in records:
            try:
                await target.put([record])
                done.copied += 1
            except RecordRejected as exc:
                done.rejected[record.document["_id"]] = str(exc)


def _with_all(records: Sequence[Record], links: Mapping[ObjectId, tuple[bytes, ...]]) -> list[Record]:
    """The records with their links and search text."""
    return [replace(each, links=links.get(each.document["_id"], ()), text=text_of(each.document)) for each in records]


async def _record(source: Store, id_: ObjectId, done: Copied) -> Record | None:
    try:
        document = await source.get(id_)
        record = None if document is None else await record_of(source, document)
    except Exception as exc:
        # Raises if the store itself is unavailable. Otherwise only this interaction is damaged.
        await source.ping()
        done.rejected[id_] = f"it cannot be read: {type(exc).__name__}: {exc}"
        return None
    done.gone += record is None
    return record
