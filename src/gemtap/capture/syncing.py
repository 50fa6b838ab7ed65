"""Syncs captures to the disk: the setting `capture_sync`.

Written data survives the process, but not a power failure: the kernel writes it to the disk later, commonly within
half a minute. There are three cases:

- `second`: once a second, the file system of the spool is synced if anything was captured since. One `syncfs` covers
  all captures, also moved and deleted ones, and the folders. With a thousand captures a second, one `fdatasync` per
  capture takes a hundred times as long (3 s instead of 0.03 s), since each flushes the disk.
- `always`: in addition, each chunk is forwarded only after its own capture is on the disk.
- `none`: the kernel decides.

Syncs run outside the event loop's thread, one at a time: with a slow disk each covers more writes, and none queue up.
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
"""Seconds between the starts of two syncs."""

_SLOW: Final = 5.0
_LOG_SLOW_EVERY: Final = 60.0

_AT_ONCE: Final = 8
"""Maximum number of concurrent syncs in the mode `always`. Journalling file systems combine them."""


class CaptureSync:
    """Syncs the captures of one tap."""

    def __init__(
        self, folder: TapFolder, mode: SyncMode, failed: LossCounter, *, sync_all: Callable[[int], None] | None = None
    ) -> None:
        """`failed` counts failed syncs; `sync_all` syncs the file system of an open descriptor."""
        self.mode: Final = mode
        self.longest_unsynced = 0.0
        """Longest time from a write to the end of its sync, in seconds: what a power failure could have lost."""
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
        """Sync everything captured before this call. Counts a failure."""
        if self.mode == "none":
            return
        # Later writes belong to the next sync, although this one may cover some of them.
        captures, written_at = self._folder.take_unsynced()
        if not captures:
            return
        started = time.monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._sync_all, self._folder.folder)
        except OSError as exc:
            # No retry: after a failure the kernel marks the pages as written, and the next sync would succeed
            # (https://wiki.postgresql.org/wiki/Fsync_Errors). The captures can still be read, and the store syncs its
            # own writes, so that only a power failure before they are recorded loses them.
            self.failed.add(f"the sync failed: {exc.strerror}", captures)
        ended = time.monotonic()
        self.longest_unsynced = max(self.longest_unsynced, ended - written_at)
        self._warn_if_slow(ended - started)

    async def durable(self, capture: Capture) -> None:
        """In the mode `always`, return when everything written to this capture is on the disk.

        Raises OSError if the disk failed to write it.
        """
        if self.mode == "always":
            # A duplicate descriptor: the capture may be closed during the sync, and its number reused.
            file, folder = os.dup(capture.file), capture.folder_to_sync()
            await asyncio.get_running_loop().run_in_executor(self._threads, _sync_capture, file, folder)

    async def close(self) -> None:
        """Sync the remaining writes."""
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
    """Sync the file system of an open file or folder. Raises OSError."""
    if sys.platform == "linux":
        # Linux reports here which writes have failed since the last call with this descriptor.
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
