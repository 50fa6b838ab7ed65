"""The recorder's loop: captures out of the spool, interactions into the store, nothing lost in between.

A capture's file or segment is deleted only after the store has committed its interaction. After any error, it stays.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bson import ObjectId

from gemtap.capture.backlog import Backlog
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.journal import Damage
from gemtap.capture.loss_counter import counted_losses
from gemtap.capture.spool import Spool
from gemtap.incident import IncidentKind
from gemtap.providers.base import ExchangeParser
from gemtap.recorder.assembling import Assembler
from gemtap.recorder.count_once import count_once, has_place
from gemtap.recorder.fingerprint import Fingerprint
from gemtap.recorder.incidents import IncidentLog
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.progress import Progress
from gemtap.recorder.read import UNPARSED
from gemtap.recorder.redact import Redactor
from gemtap.recorder.search_backfill import SearchBackfill
from gemtap.recorder.threads import Placed, Threads
from gemtap.recorder.waiting import CaptureFile, Source, Waiting
from gemtap.stores.base import Record, RecordRejected, Store, StoreUnavailable
from gemtap.workers import Workers, WorkersUnavailable

_log = logging.getLogger(__name__)

_NO_LOSS: Final = (IncidentKind.STRANGERS_REFUSED, IncidentKind.LIMITS_REFUSED)
"""What is counted of these has not reached anybody."""

SCAN_EVERY: Final = 5.0
"""Seconds between two scans of the spool, although nothing was written: a tap may have died."""

_LOOK_EVERY: Final = 0.05
"""Seconds between two looks at the sizes of the journals, which is less work for taps than events of the file system.
What arrives meanwhile is recorded together."""

_LOOK_AFTER: Final = 1.0
"""Seconds after which recording a backlog is interrupted for what has just arrived."""

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 30.0


class Recorder:
    """Drains one spool into one store."""

    def __init__(
        self,
        spool: Spool,
        store: Store,
        providers: Mapping[str, ExchangeParser],
        limits: SpoolLimits,
        redactor: Redactor | None = None,
        workers: Workers | None = None,
        limit_counter: LimitCounter | None = None,
    ) -> None:
        """`workers`: where captures are assembled; without them, in threads of this process.

        `limit_counter` is told what was recorded.
        """
        self._spool = spool
        self._store = store
        self._limits = limits
        self._assembler = Assembler(providers, redactor, workers, with_values=store.stores_values)
        self._limit_counter = limit_counter
        self._incidents = IncidentLog(spool)
        self._waiting = Waiting(spool, self._note_damage)
        self._backlog = Backlog(spool)
        self._threads = Threads(store)
        self._backfill = SearchBackfill(store.search_index, self._assembler.texts)
        self.progress = Progress()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end, once what is ready now is recorded or cannot be."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Open the store and record until stopped, through outages of the store."""
        lock = await self._lock_spool()
        if lock is None:
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = (self._watch(), self._watch_limits(), self._backfill.run())
                watching = [tasks.create_task(each) for each in beside]
                await self._record()
                for task in watching:
                    task.cancel()
        finally:
            self._waiting.close()
            os.close(lock)

    async def _record(self) -> None:
        opened, last = False, False
        pause = _FIRST_PAUSE
        while not last:
            last = self._stopping.is_set()
            self._wake.clear()
            waiting_for, seconds = self._wake, SCAN_EVERY
            try:
                if not opened:
                    await self._store.open()
                    opened = True
                await self.drain()
                if self._limit_counter is not None:
                    await self._limit_counter.drained()
                await self._incidents.hand_over(self._store)
                self._works(0)
                pause = _FIRST_PAUSE
            except Exception as exc:
                self._note(exc)
                waiting_for, seconds = self._stopping, pause
                pause = min(pause * 2, _LONGEST_PAUSE)
            if not last:
                await _wait(waiting_for, seconds)

    async def drain(self) -> int:
        """Record every capture that is ready now, and return their number. Raises StoreUnavailable.

        Oldest first. During a long backlog, new captures are recorded in between.
        """
        await asyncio.to_thread(self._waiting.begin)
        # How many an outage has held up is part of the incident.
        waiting = 0 if self.progress.last_error is None else (await asyncio.to_thread(self._backlog.look))[0]
        count, looked_at = 0, time.monotonic()
        while batch := await asyncio.to_thread(self._waiting.take):
            handled, recorded = await self._record_some(batch)
            await asyncio.to_thread(self._waiting.done, batch[:handled])
            count += recorded
            self._works(waiting)
            if time.monotonic() - looked_at > _LOOK_AFTER:
                count += await self._record_ahead()
                await self._incidents.hand_over(self._store)
                looked_at = time.monotonic()
        return count

    async def drain_if_alone(self) -> bool:
        """Record what is ready now, unless another process records from this spool. Raises StoreError and OSError."""
        lock = os.open(self._spool.ready, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not _locked(lock):
                return False
            await self._store.open()
            await self.drain()
            await self._incidents.hand_over(self._store)
            return True
        finally:
            self._waiting.close()
            os.close(lock)

    async def _record_ahead(self) -> int:
        count = 0
        sources = await asyncio.to_thread(self._waiting.take_ahead)
        while sources:
            handled, recorded = await self._record_some(sources)
            await asyncio.to_thread(self._waiting.done_ahead, sources[:handled])
            sources, count = sources[handled:], count + recorded
        return count

    async def _record_some(self, sources: Sequence[Source]) -> tuple[int, int]:
        """Record the first of these captures. How many were handled, at least one, and how many recorded of them."""
        assembled = await self._assembler.assemble(sources)
        records: list[tuple[Source, Record, Fingerprint | None]] = []
        for source, each in zip(sources, assembled, strict=False):
            if each.unreadable is not None:
                self._fail(source, each.unreadable)
            elif each.record is not None:
                self._note_unparsed(each.record)
                records.append((source, each.record, each.fingerprint))
        counted = await count_once(self._store, [record for _, record, _ in records])
        placed = await self._threads.place(
            [
                (record, fingerprint if has_place(record) else None)
                for record, (*_, fingerprint) in zip(counted, records, strict=True)
            ]
        )
        # The added messages of a turn are known once its place is.
        texts = await self._assembler.new_texts([each.record for each in placed])
        await self._put(
            [
                (source, replace(each, record=replace(each.record, text=text)))
                for (source, *_), each, text in zip(records, placed, texts, strict=True)
            ]
        )
        return len(assembled), len(records)

    async def _put(self, records: list[tuple[Source, Placed]]) -> None:
        placed = [each for _, each in records]
        try:
            present = await self._store.put([each.record for each in placed])
        except RecordRejected as exc:
            if len(records) == 1:
                self._fail(records[0][0], str(exc))
                return
            # One of them is the cause: one by one, the others get in.
            for single in records:
                await self._put([single])
            return
        # Before the captures are deleted: if this is interrupted, it is done again with them.
        await self._threads.join(placed, present)
        if self._limit_counter is not None:
            await self._limit_counter.recorded([each.record for each in placed])
        self.progress.recorded += len(records)

    def _fail(self, source: Source, reason: str) -> None:
        path = self._spool.failed / source.name
        if not isinstance(source, CaptureFile) and path.exists():
            return  # it is kept since the last attempt, after which the store took nothing else of the batch
        self.progress.failed += 1
        _log.error("A capture can never be stored, and is kept as %s: %s", path, reason)
        self._spool.fail(source.name, reason, None if isinstance(source, CaptureFile) else source.read())
        self._incidents.note(IncidentKind.CAPTURE_FAILED, source.id, reason, file=source.name)

    def _note_damage(self, damage: Damage) -> None:
        place = f"{damage.segment}: bytes {damage.start} to {damage.end}"
        message = "A part of a segment in the spool is damaged. Exchanges in it are lost, or recorded as interrupted."
        _log.error("%s %s", message, place)
        # Found again after a crash, it is the same one.
        id_ = ObjectId(hashlib.blake2b(place.encode(), digest_size=12).digest())
        causes = [{"cause": f"damage in {place}", "count": 1}]
        self._incidents.note(IncidentKind.CAPTURES_LOST, id_, message, causes=causes)

    def _note_unparsed(self, record: Record) -> None:
        document = record.document
        if document["error"] is not None and document["error"]["message"] == UNPARSED:
            cause = str(document["error"]["details"])
            self._incidents.note(IncidentKind.PARSE_FAILED, document["_id"], cause, interaction=str(document["_id"]))

    def _works(self, waiting: int) -> None:
        """The store accepts records; `waiting` captures were waiting."""
        self.progress.last_error = None
        self._incidents.outage_over(waiting)

    def _note(self, exc: Exception) -> None:
        told = isinstance(exc, StoreUnavailable | WorkersUnavailable)
        reason = str(exc) if told else f"{type(exc).__name__}: {exc}"
        if reason != self.progress.last_error:
            _log.error("NOT RECORDING, captures wait in the spool: %s", reason)
            self._incidents.outage(reason)
        self.progress.last_error = reason
        self.progress.last_error_at = datetime.now(UTC)

    async def _watch(self) -> None:
        seen: object = None
        while True:
            try:
                state = self._waiting.state()
            except OSError as exc:
                _log.warning("The spool cannot be read: %s", exc)
            else:
                if state != seen:
                    self._wake.set()
                seen = state
            await asyncio.sleep(_LOOK_EVERY)

    async def _watch_limits(self) -> None:
        while True:
            try:
                size = await asyncio.to_thread(self._spool.size)
                self.progress.full = self._limits.broken_by(self._spool, size)
                losses = counted_losses(self._spool)
                self.progress.lost = sum(each["count"] for each in losses if each["kind"] not in _NO_LOSS)
            except OSError as exc:
                _log.warning("How full the spool is cannot be told: %s", exc)
            await asyncio.sleep(SCAN_EVERY)

    async def _lock_spool(self) -> int | None:
        """Wait until no other process records from this spool, and see to it that none does; None when stopped."""
        lock = os.open(self._spool.ready, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        while not _locked(lock):
            self._note(StoreUnavailable("Another Gemtap records from this data directory."))
            await _wait(self._stopping, 1)
            if self._stopping.is_set():
                os.close(lock)
                return None
        return lock


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
