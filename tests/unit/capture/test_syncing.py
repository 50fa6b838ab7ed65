"""When captures are synced, what a sync covers, and what becomes of one that fails or takes long."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture.events import Kind
from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Spool
from gemtap.capture.syncing import CaptureSync, SyncMode, sync_file_system
from gemtap.capture.tap_folder import TapFolder
from gemtap.incident import IncidentKind

PATIENCE = 10.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[TapFolder]:
    spool = Spool(tmp_path / "spool")
    spool.create()
    folder = TapFolder(spool)
    yield folder
    folder.close()


class Disk:
    """Stands for the disk: counts syncs, and may be slow or fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.syncs_of_everything = 0
        self.at_work = 0
        self.most_at_work = 0
        self.error: int | None = None
        self.free = threading.Event()
        self.free.set()

    def sync_all(self, descriptor: int) -> None:
        self.syncs_of_everything += 1
        self.sync(descriptor)

    def sync(self, descriptor: int) -> None:
        os.fstat(descriptor)
        self.syncs += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        assert self.free.wait(PATIENCE)
        self.at_work -= 1
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def sync(folder: TapFolder, disk: Disk) -> AsyncIterator[CaptureSync]:
    """Syncs the folder to the disk; a test that hangs fails."""
    sync = syncing(folder, disk, "second")
    async with asyncio.timeout(PATIENCE):
        yield sync
    await sync.close()


def syncing(folder: TapFolder, disk: Disk, mode: SyncMode) -> CaptureSync:
    failed = LossCounter(folder, IncidentKind.CAPTURES_UNSYNCED)
    return CaptureSync(folder, mode, failed, sync_all=disk.sync_all, sync_one=disk.sync)


def write(folder: TapFolder, count: int = 1) -> None:
    """Captures of whole exchanges."""
    for _ in range(count):
        capture = folder.capture(ObjectId())
        capture.write(Kind.REQUEST_BODY, 0, b"x")
        capture.write(Kind.END, 1, {})
        capture.close()


async def test_nothing_is_synced_where_nothing_was_written(folder: TapFolder, disk: Disk, sync: CaptureSync) -> None:
    """An idle Gemtap leaves the disk alone; what the tap before it left is synced once."""
    for expected in (1, 1, 1):
        await sync.sync()
        assert disk.syncs == expected
    write(folder, 3)
    for expected in (2, 2):
        await sync.sync()
        assert disk.syncs == expected


async def test_only_the_segment_is_synced_where_nothing_else_changed(
    folder: TapFolder, disk: Disk, sync: CaptureSync
) -> None:
    """A new segment and a capture in a file of its own need more than that."""
    await sync.sync()
    everything = [disk.syncs_of_everything]
    large = folder.capture(ObjectId())
    changes: list[Callable[[], None]] = [partial(write, folder), folder.rotate, partial(write, folder)]
    for change in (*changes, large.move, large.close):
        change()
        await sync.sync()
        everything.append(disk.syncs_of_everything)
    assert everything == [1, 1, 2, 2, 3, 4]
    assert disk.syncs == 6


async def test_always_waits_for_the_segment_that_was_written_to(folder: TapFolder, disk: Disk) -> None:
    """Also if the next one has begun meanwhile, or the capture went on in a file of its own."""
    sync = syncing(folder, disk, "always")
    capture = folder.capture(ObjectId())
    capture.write(Kind.REQUEST_BODY, 0, b"x")
    await sync.durable(capture)
    await sync.durable(capture)
    assert disk.syncs_of_everything == 0
    capture.write(Kind.REQUEST_BODY, 1, b"y")
    folder.rotate()
    await sync.durable(capture)
    assert disk.syncs_of_everything == 1
    capture.move()
    capture.write(Kind.REQUEST_BODY, 2, b"z")
    await sync.durable(capture)
    capture.close()
    assert disk.syncs_of_everything == 1
    await sync.close()


async def test_what_is_written_during_a_sync_is_left_to_the_next(
    folder: TapFolder, disk: Disk, sync: CaptureSync
) -> None:
    """The kernel may have passed the file already. A capture that goes on counts again."""
    capture = folder.capture(ObjectId())
    capture.write(Kind.REQUEST_BODY, 0, b"x")
    disk.free.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sync.sync())
        while not disk.at_work:
            await asyncio.sleep(0.001)
        capture.write(Kind.REQUEST_BODY, 1, b"y")
        disk.free.set()
    await sync.sync()
    assert disk.syncs == 2
    capture.close()


async def test_a_slow_disk_has_no_queue(folder: TapFolder, disk: Disk, sync: CaptureSync) -> None:
    """One sync at a time, whatever is written meanwhile, and the event loop goes on."""
    disk.free.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(sync.run())
        for _ in range(25):
            write(folder)
            await asyncio.sleep(0.1)
        assert (disk.syncs, disk.most_at_work) == (1, 1)
        disk.free.set()
        while disk.syncs < 2:
            await asyncio.sleep(0.01)
        assert disk.most_at_work == 1
        running.cancel()


async def test_a_sync_that_fails_is_counted_and_not_tried_again(
    folder: TapFolder, disk: Disk, sync: CaptureSync
) -> None:
    """The kernel calls the pages clean after an error: a second sync would succeed and mean nothing."""
    await sync.sync()
    write(folder, 3)
    disk.error = errno.EIO
    await sync.sync()
    assert sync.failed.count == 3
    assert "Input/output error" in str(sync.failed.last)
    assert disk.syncs == 2
    disk.error = None
    # The count itself stands in a file that has to reach the disk.
    await sync.sync()
    await sync.sync()
    assert (disk.syncs, sync.failed.count) == (3, 3)


async def test_the_longest_time_without_a_sync_is_told(folder: TapFolder, disk: Disk, sync: CaptureSync) -> None:
    """From the first write that a sync covers to its end: idle time before that does not count."""
    await sync.sync()
    await asyncio.sleep(0.3)
    before = time.monotonic()
    write(folder)
    disk.free.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sync.sync())
        await asyncio.sleep(0.2)
        disk.free.set()
    assert 0.2 <= sync.longest_unsynced <= time.monotonic() - before


async def test_with_none_nothing_is_ever_synced(folder: TapFolder, disk: Disk) -> None:
    """The mode "none" leaves syncing to the system."""
    sync = syncing(folder, disk, "none")
    write(folder)
    await sync.run()
    assert disk.syncs == 0


def test_the_real_sync_takes_any_descriptor_and_says_what_is_wrong(folder: TapFolder) -> None:
    """Any file of the file system will do, and an error of the system is passed on."""
    sync_file_system(folder.folder)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(10**6)
