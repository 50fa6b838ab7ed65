"""How captures get from the kernel's memory to the disk: the setting `capture_sync`.

What a process has written survives the process, but not the machine: the kernel writes it to the disk when it likes,
commonly up to half a minute later. There are three cases:

- `second`: once a second the file system of the spool is synced, if anything was captured since. One `syncfs` does for
  all captures, wherever they have been moved or deleted meanwhile, and for the folders. A `fdatasync` for each capture
  takes a hundred times as long with a thousand captures a second (3 s beside 0.03), since each flushes the disk.
- `always`: besides, an exchange waits before each chunk is passed on until its own capture is on the disk.
- `none`: the kernel decides.

Nothing here runs on the event loop's thread, and no sync begins before the one before it has ended: a slow disk makes
the bound larger, not the queue longer.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Capture, TapFolder

_log = logging.getLogger(__name__)

SyncMode = Literal["second", "none", "always"]

EVERY: Final = 1.0
"""Seconds from the beginning of one sync to that of the next."""

_SLOW: Final = 5.0
_LOG_SLOW_EVERY: Final = 60.0

_AT_ONCE: Final = 8
"""Captures that are synced at the same time where each chunk waits for it. Journalling file systems join them."""


class CaptureSync:
    """Syncs what one tap captures."""

    def __init__(
        self, folder: TapFolder, mode: SyncMode, failed: LossCounter, *, sync_all: Callable[[int], None] | None = None
    ) -> None:
        """`failed` counts what the disk failed to write; `sync_all` syncs the file system of an open descriptor."""
        self.mode: Final = mode
        self.longest_unsynced = 0.0
        """Seconds from a write to the end of its sync, at most until now: as much as a power cut could have taken."""
        self._folder = folder
        self.failed: Final = failed
        self._sync_all = sync_all or sync_file_system
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sync")
        self._logged_slow_at = float("-inf")

    async def run(self) -> None:
        """Sync once a second, until cancelled."""
        while self.mode != "none":
            started = time.monotonic()
            await self.sync()
            self.failed.hand_on()
            await asyncio.sleep(max(EVERY - (time.monotonic() - started), 0.01))

    async def sync(self) -> None:
        """Sync all that was captured before this call and is not on the disk yet. A failure is counted."""
        if self.mode == "none":
            return
        # What is written from here on is for the next one, even if this one should take some of it along.
        captures, written_at = self._folder.take_unsynced()
        if not captures:
            return
        started = time.monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._sync_all, self._folder.folder)
        except OSError as exc:
            # Not tried again: the kernel takes what it could not write for written, and the next sync says that all
            # is well (https://wiki.postgresql.org/wiki/Fsync_Errors). The captures can still be read, and the store
            # syncs for itself, so only a power cut before they are recorded takes them.
            self.failed.add(f"the sync failed: {exc.strerror}", captures)
        ended = time.monotonic()
        self.longest_unsynced = max(self.longest_unsynced, ended - written_at)
        self._warn_if_slow(ended - started)

    async def durable(self, capture: Capture) -> None:
        """Return when all that was written to this capture is on the disk, if that is what is asked for.

        Raises OSError where the disk failed to write it.
        """
        if self.mode == "always":
            # A descriptor of its own: the capture may be closed meanwhile, and the number given to another file.
            file, folder = os.dup(capture.file), capture.folder_to_sync()
            await asyncio.get_running_loop().run_in_executor(self._threads, _sync_capture, file, folder)

    async def close(self) -> None:
        """Sync what is left."""
        await self.sync()
        self._threads.shutdown(wait=False)

    def _warn_if_slow(self, took: float) -> None:
        now = time.monotonic()
        if took > _SLOW and now - self._logged_slow_at > _LOG_SLOW_EVERY:
            self._logged_slow_at = now
            _log.warning(
                "Syncing what was captured took %.1f s: a power cut now may take twice as much of it. "
                "Is something else writing to the disk of the data directory?",
                took,
            )


def sync_file_system(descriptor: int) -> None:
    """Write what is not on the disk yet of the file system of an open file or folder. Raises OSError."""
    if sys.platform == "linux":
        # Linux says here what it could not write since the file system was last asked through this descriptor.
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    else:
        os.sync()
        _sync_file(descriptor)


_libc: Final = ctypes.CDLL(None, use_errno=True)


def _sync_capture(file: int, folder: int | None) -> None:
    try:
        _sync_file(file)
        if folder is not None:
            os.fsync(folder)
    finally:
        os.close(file)


def _sync_file(descriptor: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync leaves it in the disk's memory there
    else:
        os.fdatasync(descriptor)
