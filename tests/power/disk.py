"""A disk that records what is written to it: a loop device over a file that `qemu-storage-daemon` exports.

Every write and flush goes through QEMU's `blklogwrites` into a log in the format of Linux's dm-log-writes. Needs root,
loop devices, FUSE, and the packages qemu-system-common and, for XFS, xfsprogs.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

FileSystem = Literal["ext4", "xfs"]

SMALLEST: Final = 320 * 2**20
"""Bytes of a file system: each cut copies one, and XFS is no smaller than 300 MiB."""

_MAKE: Final[dict[FileSystem, list[str]]] = {
    # The rest of the formatting must not go on in the background: it would fill the log.
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", "{path}", "{size}k"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-d", "size={size}k", "{path}"],
}

BLOCK: Final = 4096
_TICK: Final = 0.01
_PATIENCE: Final = 30.0
_STAMP: Final = struct.Struct("<d")


class Unavailable(Exception):
    """The machine lacks what a recorded disk needs. One line."""


class Clock:
    """Writes the time to a block behind the file system, again and again, so that the log tells when it grew."""

    def __init__(self, device: Path, offset: int) -> None:
        self.stamps: list[tuple[float, float]] = []
        """The times of each stamp, in `time.monotonic`: the one in it, from before the write, and one from after."""
        self._device, self._offset = device, offset
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        device = os.open(self._device, os.O_WRONLY | os.O_CLOEXEC)
        while not self._stopping.wait(_TICK):
            before = time.monotonic()
            os.pwrite(device, _STAMP.pack(before).ljust(BLOCK, b"\0"), self._offset)
            self.stamps.append((before, time.monotonic()))
        os.close(device)


def stamp_of(block: bytes) -> float:
    """The time that a block of the clock holds."""
    (seconds,) = _STAMP.unpack_from(block)
    return float(seconds)


class RecordedDisk:
    """The files of one recorded disk, in a folder of their own."""

    def __init__(self, folder: Path, file_system: FileSystem, size: int = SMALLEST) -> None:
        self.file_system = file_system
        self.size = size
        self.clean = folder / "clean.raw"
        """The disk as it was formatted."""
        self.log = folder / "log.raw"
        self.mount_point = folder / "mount"
        self._current = folder / "current.raw"
        self._device = folder / "device.raw"
        self._folder = folder

    @contextmanager
    def mounted(self) -> Iterator[Clock]:
        """Format, mount and record it. Raises Unavailable."""
        self._format()
        daemon = self._export()
        try:
            with mounted(self._device, self.mount_point, self.file_system):
                clock = Clock(self._device, self.size)
                try:
                    yield clock
                finally:
                    clock.stop()
        finally:
            daemon.terminate()
            daemon.wait(_PATIENCE)
        self._current.unlink()

    def _format(self) -> None:
        with self.clean.open("wb") as file:
            file.truncate(self.size + BLOCK)  # the clock's block is behind the file system
        arguments = [each.format(path=self.clean, size=self.size // 1024) for each in _MAKE[self.file_system]]
        _run(*arguments)
        shutil.copyfile(self.clean, self._current)

    def _export(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as file:
            file.truncate(2**36)  # sparse
        self._device.touch()
        unexported = self._device.stat().st_dev
        daemon = subprocess.Popen(
            [
                "qemu-storage-daemon",
                # What a flush covers is in the log: no need to wait for the disk of this machine.
                *("--blockdev", f"driver=file,node-name=disk,filename={self._current},cache.no-flush=on"),
                *("--blockdev", f"driver=file,node-name=log,filename={self.log},cache.no-flush=on"),
                *(
                    "--blockdev",
                    "driver=blklogwrites,node-name=recorded,file=disk,log=log,log-super-update-interval=64",
                ),
                *("--export", f"type=fuse,id=export,node-name=recorded,mountpoint={self._device},writable=on"),
            ],
            start_new_session=True,
        )
        deadline = time.monotonic() + _PATIENCE
        while self._device.stat().st_dev == unexported:
            if daemon.poll() is not None or time.monotonic() > deadline:
                daemon.kill()
                raise Unavailable(
                    "qemu-storage-daemon cannot export a disk here: see above. It needs root and /dev/fuse."
                )
            time.sleep(0.01)
        return daemon


@contextmanager
def mounted(image: Path, mount_point: Path, file_system: FileSystem) -> Iterator[None]:
    """Mount an image of a disk, which replays the journal of its file system. Raises Unavailable."""
    mount_point.mkdir(exist_ok=True)
    # Several images of one file system are mounted at the same time, which XFS otherwise takes for a mistake.
    options = "loop,nouuid" if file_system == "xfs" else "loop"
    _run("mount", "-t", file_system, "-o", options, str(image), str(mount_point))
    try:
        yield
    finally:
        deadline = time.monotonic() + _PATIENCE
        while subprocess.run(["umount", str(mount_point)], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise Unavailable(f"{mount_point} stays mounted: {'; '.join(_users(mount_point)) or 'used by nobody'}")
            time.sleep(0.05)


def _users(mount_point: Path) -> Iterator[str]:
    """The processes that have files or folders below it open, with these."""
    for process in Path("/proc").glob("[0-9]*"):
        used = set()
        for link in (*process.glob("fd/*"), process / "cwd"):
            try:
                used.add(os.readlink(link))
            except OSError:
                continue  # it is closed meanwhile
        used = {path for path in used if path.startswith(str(mount_point))}
        if used:
            command = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            yield f"{process.name} ({command[:100]}) has {', '.join(sorted(used))}"


def unmount_all(folder: Path) -> None:
    """Unmount what processes that were interrupted have left mounted in the folder."""
    for mount_point in folder.glob("mount*"):
        if mount_point.is_mount():
            subprocess.run(["umount", "--lazy", str(mount_point)], check=False)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as exc:
        raise Unavailable(f"{command[0]} is missing: apt-get install qemu-system-common e2fsprogs xfsprogs.") from exc
    if done.returncode != 0:
        raise Unavailable(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
