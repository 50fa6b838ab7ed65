"""The spool: the folder of captures, kept as mail servers keep mail (Maildir).

`open/TAP/` holds the captures that a running tap writes, `ready/` those that are over, `failed/` those that can
never be stored, each with its reason beside it. A file moves by rename, within one file system. Files whose captures
are stored wait empty in `spare/` to be written again: making and deleting a file for each exchange costs some file
systems half a millisecond, ten times what writing it does. `incidents/` holds what happened to recording itself and
is not stored yet.
Files are 0600 and folders 0700: captures hold whatever the client sent.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bson import ObjectId
from bson.errors import InvalidId

from gemtap.capture.events import Kind, pack

SUFFIX: Final = ".capture"
REASON_SUFFIX: Final = ".reason.txt"
INCIDENT_SUFFIX: Final = ".json"
LOSSES_SUFFIX: Final = ".losses"

MOST_SPARES: Final = 4096
"""Empty files that are kept: more than exchanges that begin in a burst.

Each that is deleted costs those that are made later: a file system without a journal looks at every inode that was
freed in the last five minutes before it takes one (ext4's `recently_deleted`), a quarter of a millisecond a file.
"""

_SPARES_TAKEN_AT_ONCE: Final = 512
_COUNT_SPARES_EVERY: Final = 1.0
"""Seconds. To count them is to list them, which is not to be paid for each exchange."""

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
_EMPTY: Final = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_LOOK_FOR_SPARES_EVERY: Final = 0.05
"""Seconds. Listing the folder for each exchange would cost more than a new file does."""


class Spool:
    """The folders. Cheap to make; `create` makes them on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = path / "open"
        self.ready = path / "ready"
        self.failed = path / "failed"
        self.spare = path / "spare"
        self.incidents = path / "incidents"
        self._room_for_spares = 0
        self._spares_counted_at = float("-inf")

    def create(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self.path, self.open, self.ready, self.failed, self.spare, self.incidents):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def waiting(self) -> list[Path]:
        """The captures in `ready/`, oldest first: their names are ids, which begin with the time."""
        with os.scandir(self.ready) as entries:
            return [self.ready / name for name in sorted(e.name for e in entries if e.name.endswith(SUFFIX))]

    def oldest(self) -> tuple[int, datetime | None]:
        """How many captures wait in `ready/`, and when the exchange of the oldest began."""
        waiting = self.waiting()
        ids = (capture_id(path) for path in waiting)
        return len(waiting), next((id_.generation_time for id_ in ids if id_ is not None), None)

    def size(self) -> int:
        """Bytes of all captures, those under way and those that failed among them. Raises OSError."""
        with os.scandir(self.open) as taps:
            folders = [self.ready, self.failed, *(Path(tap.path) for tap in taps if tap.is_dir())]
        size = 0
        for folder in folders:
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        try:
                            if entry.name.endswith(SUFFIX):
                                size += entry.stat(follow_symlinks=False).st_size
                        except FileNotFoundError:
                            continue  # it is recorded by now
            except FileNotFoundError:
                continue  # its tap has ended
        return size

    def recycle(self, paths: Iterable[Path]) -> None:
        """Let go of captures that are stored."""
        if self._room_for_spares <= 0 and time.monotonic() - self._spares_counted_at > _COUNT_SPARES_EVERY:
            with os.scandir(self.spare) as entries:
                self._room_for_spares = MOST_SPARES - sum(1 for _ in entries)
            self._spares_counted_at = time.monotonic()
        spare = str(self.spare)
        for path in paths:
            try:
                if self._room_for_spares > 0:
                    # Emptied and closed again by the same: ext4 takes a file that is emptied, written and then closed
                    # for one that is being replaced, and its closing, the tap's otherwise, writes it to the disk.
                    os.close(os.open(path, _EMPTY))
                    # Strings: a path for each would take longer than the renaming.
                    os.rename(path, f"{spare}/{path.name}")
                    self._room_for_spares -= 1
                else:
                    path.unlink()
            except FileNotFoundError:
                continue  # somebody has tidied up

    def fail(self, path: Path, reason: str) -> None:
        """Move a capture that can never be stored to `failed/`, with the reason beside it."""
        target = self.failed / path.name
        reason_path = target.with_name(target.name + REASON_SUFFIX)
        reason_path.touch(mode=0o600)
        reason_path.write_text(reason + "\n", "utf-8")
        path.rename(target)

    def failed_count(self) -> int:
        """How many captures are in `failed/`."""
        with os.scandir(self.failed) as entries:
            return sum(entry.name.endswith(SUFFIX) for entry in entries)


def capture_id(path: Path) -> ObjectId | None:
    """The id that a capture's file is named by; None for a file that no tap has made."""
    return id_of(path.name.removesuffix(SUFFIX))


def id_of(name: str) -> ObjectId | None:
    """The id that a name is; None for any other name."""
    try:
        return ObjectId(name)
    except InvalidId:
        return None


class TapFolder:
    """`open/TAP/`: the folder of one tap process, locked for as long as the process lives.

    The lock is on the folder, not on its files: a lock on single files loses a race between making the file and
    locking it. The kernel lets go of it when the process dies, however it dies.
    """

    def __init__(self, spool: Spool) -> None:
        """Make and lock a new folder. Raises OSError."""
        while True:
            self.path = spool.open / f"{os.getpid()}-{secrets.token_hex(4)}"
            self.path.mkdir(mode=0o700)
            lock = _lock(self.path)
            # A tap that was starting at the same moment may have swept the folder away before it was locked.
            if lock is not None and self.path.exists():
                break
        self._spool = spool
        # Files are named relative to these: the kernel then walks no path, and nothing is joined for each exchange.
        self.folder = lock
        self.ready = os.open(spool.ready, _FOLDER)
        self._spare = os.open(spool.spare, _FOLDER)
        self._spares: list[str] = []
        self._looked_at = float("-inf")
        self.sync_round = 0
        """Goes up with each sync: a capture that has been written to in this round is counted already."""
        # What taps before this one left may be unsynced, and so is this folder.
        self._unsynced = 1
        self._unsynced_since = time.monotonic()

    def capture(self, id_: ObjectId) -> Capture:
        """Begin the capture of an exchange. Raises OSError."""
        name = f"{id_}{SUFFIX}"
        flags = _APPEND if self._take_spare(name) else _APPEND | os.O_CREAT | os.O_EXCL
        return Capture(self, name, os.open(name, flags, 0o600, dir_fd=self.folder))

    def _take_spare(self, name: str) -> bool:
        """Give a spare file the name, if there is one."""
        if not self._spares and time.monotonic() - self._looked_at > _LOOK_FOR_SPARES_EVERY:
            with os.scandir(self._spare) as entries:
                self._spares = [entry.name for entry in islice(entries, _SPARES_TAKEN_AT_ONCE)]
            self._looked_at = time.monotonic()
        while self._spares:
            try:
                os.rename(self._spares.pop(), name, src_dir_fd=self._spare, dst_dir_fd=self.folder)
            except FileNotFoundError:
                continue  # another tap has taken it
            return True
        return False

    def note_unsynced(self) -> None:
        """Something is written that the next sync has to bring to the disk."""
        if not self._unsynced:
            self._unsynced_since = time.monotonic()
        self._unsynced += 1

    def take_unsynced(self) -> tuple[int, float]:
        """How many captures were written to since the last call, and when the first was, in `time.monotonic`.

        What is written later belongs to the next call.
        """
        self.sync_round += 1
        unsynced, self._unsynced = self._unsynced, 0
        return unsynced, self._unsynced_since

    def hand_on_losses(self, name: str) -> None:
        """Move a file of this folder that counts losses to `incidents/`. Raises OSError."""
        os.rename(name, self._spool.incidents / f"{ObjectId()}{INCIDENT_SUFFIX}", src_dir_fd=self.folder)
        self.note_unsynced()

    def close(self) -> None:
        """Give up the folder. Whatever is still in it is handed on by the next tap that starts."""
        try:
            self.path.rmdir()
        except OSError:
            pass
        for descriptor in (self.folder, self.ready, self._spare):
            os.close(descriptor)


class Capture:
    """The file of one exchange. Events are written unbuffered: what was written survives the process."""

    def __init__(self, tap: TapFolder, name: str, file: int) -> None:
        self._tap = tap
        self._name = name
        self.file = file
        """The open descriptor."""
        self._held: list[bytes] | None = None
        self._sync_round = -1
        self._name_synced = False

    def write(self, kind: Kind, at: int, value: Any) -> None:
        """Append one event; `at` is in microseconds since the start. Raises OSError, as on a full disk."""
        event = pack(kind, at, value)
        if self._held is not None:
            self._held.append(event)
        else:
            self._append(event)

    def hold(self) -> None:
        """Keep what is written until `release`: for events that come at once, so that one call writes them all."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Append what was held, if anything was. Raises OSError, as on a full disk."""
        held, self._held = self._held, None
        if held:
            self._append(b"".join(held))

    def folder_to_sync(self) -> int | None:
        """The descriptor of the folder that holds the capture's name, unless it was asked for before."""
        folder = None if self._name_synced else self._tap.folder
        self._name_synced = True
        return folder

    def _append(self, events: bytes) -> None:
        if self._sync_round != self._tap.sync_round:
            self._sync_round = self._tap.sync_round
            self._tap.note_unsynced()
        written = os.write(self.file, events)
        while written < len(events):
            events = events[written:]
            written = os.write(self.file, events)

    def close(self) -> None:
        """Hand the capture on to the recorder. Raises OSError."""
        os.close(self.file)
        os.rename(self._name, self._name, src_dir_fd=self._tap.folder, dst_dir_fd=self._tap.ready)


def hand_on_orphans(spool: Spool) -> int:
    """Move what dead taps left in `open/` to `ready/`, and say how many captures that were.

    Having no `end`, they are recorded as interrupted.
    """
    count = 0
    for folder in list(spool.open.iterdir()):
        lock = _lock(folder)
        if lock is None:
            continue
        try:
            for path in folder.glob(f"*{SUFFIX}"):
                path.rename(spool.ready / path.name)
                count += 1
            for path in folder.glob(f"*{LOSSES_SUFFIX}"):
                if path.read_bytes().strip():
                    path.rename(spool.incidents / f"{ObjectId()}{INCIDENT_SUFFIX}")
                else:
                    path.unlink()
            folder.rmdir()
        except OSError:
            pass  # another tap that is starting did it first, or somebody put files of their own here
        finally:
            os.close(lock)
    return count


def _lock(folder: Path) -> int | None:
    """An exclusive lock on the folder as an open descriptor, or None where another process holds it."""
    try:
        descriptor = os.open(folder, _FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
