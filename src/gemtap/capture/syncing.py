"""Syncs captures to the disk: the setting `capture_sync`.

Written data survives the process, but not a power failure: the kernel writes it to the disk later, commonly within
half a minute. There are three cases:

- `second`: once a second, the present segment is synced if anything was captured since. If anything else has changed (a
  new segment, a capture in a file of its own), one `syncfs` covers all files, also moved and deleted ones, and the
  folders. With many files, one `fdatasync` for each takes a hundred times as long, since each flushes the disk.
- `always`: in addition, each chunk is forwarded only after it is on the disk.
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
from gemtap.capture.tap_folder import Capture, TapFolder

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
        self,
        folder: TapFolder,
        mode: SyncMode,
        failed: LossCounter,
        *,
        sync_all: Callable[[int], None] | None = None,
        sync_one: Callable[[int], None] | None = None,
    ) -> None:
        """`failed` counts failed syncs; `sync_all` syncs the file system of an open descriptor, `sync_one` its file."""
        self.mode: Final = mode
        self.longest_unsynced = 0.0
        """Longest time from a write to the end of its sync, in seconds: what a power failure could have lost."""
        self._folder = folder
        self.failed: Final = failed
        self._sync_all = sync_all or sync_file_system
        self._sync_one = sync_one or sync_file
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
        captures, written_at, only_segment = self._folder.take_unsynced()
        if not captures:
            return
        started = time.monotonic()
        sync = self._sync_one if only_segment else self._sync_all
        try:
            # A duplicate: the next segment may begin during the sync, and the number of the descriptor be reused.
            file = os.dup(self._folder.segment if only_segment else self._folder.folder)
            await asyncio.get_running_loop().run_in_executor(self._threads, _sync_and_close, sync, file)
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
            segment = self._folder.present
            files = capture.files_to_sync()
            run = asyncio.get_running_loop().run_in_executor
            if files is None:
                await run(self._threads, _sync_and_close, self._sync_all, os.dup(self._folder.folder))
            elif files:
                await run(self._threads, _sync_files, files)
                self._folder.note_synced(segment)

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
        sync_file(descriptor)


_libc: Final = ctypes.CDLL(None, use_errno=True)


def _sync_and_close(sync: Callable[[int], None], file: int) -> None:
    try:
        sync(file)
    finally:
        os.close(file)


def _sync_files(files: list[int]) -> None:
    try:
        sync_file(files[0])
        for folder in files[1:]:
            os.fsync(folder)
    finally:
        for file in files:
            os.close(file)


def sync_file(descriptor: int) -> None:
    """Sync the content of an open file. Raises OSError."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync leaves it in the disk's memory there
    else:
        os.fdatasync(descriptor)
