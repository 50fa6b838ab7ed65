"""The traffic of a real `gemtap serve` whose data directory is on a recorded disk, and what was known of it when."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gemtap.capture.syncing import SyncMode
from tests.crash.storm.ledger import Ledger
from tests.crash.storm.traffic import Clients, Upstream
from tests.e2e.running_gemtap import RunningGemtap, eventually
from tests.power.disk import RecordedDisk
from tests.power.stores import StoreKind, store_on

_WAITING: Final = 4.0
"""Seconds for which the desk is stopped, so that captures wait in the spool, and for which it then works them off."""

_LAST_SYNC: Final = 3.0
"""Seconds after which what was captured last is on the disk."""

_LOOK_EVERY: Final = 0.02
_PATIENCE: Final = 60.0


@dataclass
class Recording:
    """What clients, upstream and readers of the dashboard have seen, in `time.monotonic`."""

    ledger: Ledger
    acknowledged: dict[str, float] = field(default_factory=dict)
    """Ids of interactions, and when the dashboard's API had shown each."""
    longest_unsynced: float = 0.0
    """Seconds for which something captured was not on the disk, at most, as the proxy says."""
    began: float = 0.0
    """When the first interaction had been shown."""


class _Reader:
    """Asks the dashboard's API again and again which interactions there are."""

    def __init__(self, gemtap: RunningGemtap, recording: Recording) -> None:
        self._gemtap = gemtap
        self._recording = recording
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            items = self._gemtap.api("interactions?limit=500")["items"]
            now = time.monotonic()
            for item in items:
                self._recording.acknowledged.setdefault(item["id"], now)


async def record(
    disk: RecordedDisk, store: StoreKind, mode: SyncMode, *, seconds: float, rate: float, seed: int
) -> Recording:
    """Run traffic on the disk for so long, at so many exchanges a second."""
    recording = Recording(Ledger())
    with disk.mounted(), store_on(disk.mount_point, store) as url:
        async with Upstream(recording.ledger).serving() as upstream:
            gemtap = await asyncio.to_thread(start, disk.mount_point, url, upstream, mode)
            reader = _Reader(gemtap, recording)
            try:
                enough = asyncio.Event()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(Clients(recording.ledger, gemtap.origin, seed).run(rate, enough))
                    await asyncio.to_thread(eventually, lambda: recording.acknowledged or None)
                    recording.began = time.monotonic()
                    await _stop_the_desk_at_times(gemtap, recording.began + seconds)
                    enough.set()
                await asyncio.sleep(_LAST_SYNC)
                recording.longest_unsynced = (await asyncio.to_thread(health, gemtap))["longest_unsynced_s"]
            finally:
                await asyncio.to_thread(reader.stop)
                await asyncio.to_thread(gemtap.close)
    return recording


def start(folder: Path, store: str, upstream: str, mode: SyncMode) -> RunningGemtap:
    """A real `gemtap serve` with its data in the folder."""
    flags = ("--store", store, "--shutdown-grace", "0.5")
    return RunningGemtap(folder, upstream, *flags, GEMTAP_CAPTURE_SYNC=mode, GEMTAP_DISK_MIN_FREE_BYTES="0")


def health(gemtap: RunningGemtap) -> Any:
    """What the proxy says of itself."""
    with urllib.request.urlopen(f"{gemtap.origin}/_gemtap/health", timeout=_PATIENCE) as answer:
        return json.load(answer)


async def _stop_the_desk_at_times(gemtap: RunningGemtap, until: float) -> None:
    """While it is stopped, what was captured is in the spool alone."""
    while time.monotonic() < until:
        desk = gemtap.children()["desk"]
        os.kill(desk, signal.SIGSTOP)
        try:
            await asyncio.sleep(_WAITING)
        finally:
            os.kill(desk, signal.SIGCONT)
        await asyncio.sleep(_WAITING)
