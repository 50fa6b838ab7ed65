"""The spool: the folder of captures, organized like a Maildir.

`open/TAP/` has the captures that a running tap writes, `ready/` the complete ones, `failed/` those that can never be
stored, each with the reason beside it. Files move by rename, within one file system. After its capture is stored, a
file is emptied and moved to `spare/` for reuse: creating and deleting a file takes half a millisecond on some file
systems, ten times as long as writing it. `incidents/` has incidents of recording that are not stored yet.
Files have the mode 0600 and folders 0700, since captures contain whatever the client sent.
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
"""Maximum number of spare files, more than the exchanges of a burst.

Deleting files makes creating later ones slower: without a journal, ext4 checks every inode freed in the last five
minutes before it reuses one (`recently_deleted`), which takes a quarter of a millisecond per file.
"""

_SPARES_TAKEN_AT_ONCE: Final = 512
_COUNT_SPARES_EVERY: Final = 1.0
"""Seconds. Counting spare files lists the folder, which is too slow for each exchange."""

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
_EMPTY: Final = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_LOOK_FOR_SPARES_EVERY: Final = 0.05
"""Seconds. Listing the folder for each exchange would take longer than creating a file."""


class Spool:
    """The folders of the spool. `create` creates them on the disk."""

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
        """Create the folders. Raises OSError."""
        for folder in (self.path, self.open, self.ready, self.failed, self.spare, self.incidents):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def waiting(self) -> list[Path]:
        """The captures in `ready/`, oldest first, by their names, which are ids that begin with the time."""
        with os.scandir(self.ready) as entries:
            return [self.ready / name for name in sorted(e.name for e in entries if e.name.endswith(SUFFIX))]

    def oldest(self) -> tuple[int, datetime | None]:
        """Number of captures in `ready/`, and the time when the exchange of the oldest began."""
        waiting = self.waiting()
        ids = (capture_id(path) for path in waiting)
        return len(waiting), next((id_.generation_time for id_ in ids if id_ is not None), None)

    def size(self) -> int:
        """Bytes of all captures, with open and failed ones. Raises OSError."""
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
        """Turn the files of stored captures into spare files, or delete them."""
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
                continue  # deleted by somebody else

    def fail(self, path: Path, reason: str) -> None:
        """Move a capture that can never be stored to `failed/`, with the reason beside it."""
        target = self.failed / path.name
        reason_path = target.with_name(target.name + REASON_SUFFIX)
        reason_path.touch(mode=0o600)
        reason_path.write_text(reason + "\n", "utf-8")
        path.rename(target)

    def failed_count(self) -> int:
        """Number of captures in `failed/`."""
        with os.scandir(self.failed) as entries:
            return sum(entry.name.endswith(SUFFIX) for entry in entries)


def capture_id(path: Path) -> ObjectId | None:
    """The id in the name of a capture's file; None for a file of another program."""
    return id_of(path.name.removesuffix(SUFFIX))


def id_of(name: str) -> ObjectId | None:
    """Parse a name as an id, or return None."""
    try:
        return ObjectId(name)
    except InvalidId:
        return None


class TapFolder:
    """`open/TAP/`: the folder of one tap process, locked for as long as the process lives.

    The lock is on the folder, not on its files, since there would be a race between creating and locking a file. The
    kernel releases the lock whenever and however the process ends.
    """

    def __init__(self, spool: Spool) -> None:
        """Create and lock a new folder. Raises OSError."""
        while True:
            self.path = spool.open / f"{os.getpid()}-{secrets.token_hex(4)}"
            self.path.mkdir(mode=0o700)
            lock = _lock(self.path)
            # A tap that started at the same moment may have removed the folder before it was locked.
            if lock is not None and self.path.exists():
                break
        self._spool = spool
        # File names are relative to these descriptors, which saves resolving and joining paths for each exchange.
        self.folder = lock
        self.ready = os.open(spool.ready, _FOLDER)
        self._spare = os.open(spool.spare, _FOLDER)
        self._spares: list[str] = []
        self._looked_at = float("-inf")
        self.sync_round = 0
        """Incremented with each sync. A capture counts once per round, at its first write."""
        # Captures of earlier taps may be unsynced, and so is this folder.
        self._unsynced = 1
        self._unsynced_since = time.monotonic()

    def capture(self, id_: ObjectId) -> Capture:
        """Begin the capture of an exchange. Raises OSError."""
        name = f"{id_}{SUFFIX}"
        flags = _APPEND if self._take_spare(name) else _APPEND | os.O_CREAT | os.O_EXCL
        return Capture(self, name, os.open(name, flags, 0o600, dir_fd=self.folder))

    def _take_spare(self, name: str) -> bool:
        """Rename a spare file to this name; False if there is none."""
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
        """Note a write that the next sync has to cover."""
        if not self._unsynced:
            self._unsynced_since = time.monotonic()
        self._unsynced += 1

    def take_unsynced(self) -> tuple[int, float]:
        """Number of captures written to since the last call, and the `time.monotonic` of the first write.

        Later writes count for the next call.
        """
        self.sync_round += 1
        unsynced, self._unsynced = self._unsynced, 0
        return unsynced, self._unsynced_since

    def hand_on_losses(self, name: str) -> None:
        """Move a file of this folder that counts losses to `incidents/`. Raises OSError."""
        os.rename(name, self._spool.incidents / f"{ObjectId()}{INCIDENT_SUFFIX}", src_dir_fd=self.folder)
        self.note_unsynced()

    def close(self) -> None:
        """Release the folder. The next tap that starts moves what is left in it to `ready/`."""
        try:
            self.path.rmdir()
        except OSError:
            pass
        for descriptor in (self.folder, self.ready, self._spare):
            os.close(descriptor)


class Capture:
    """The file of one exchange. Events are written unbuffered, so that they survive the process."""

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
        """Buffer events until `release`, so that simultaneous events are written with one call."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Append buffered events. Raises OSError, as on a full disk."""
        held, self._held = self._held, None
        if held:
            self._append(b"".join(held))

    def folder_to_sync(self) -> int | None:
        """The descriptor of the folder with the capture's name, at the first call only."""
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
        """Pass the capture to the recorder. Raises OSError."""
        os.close(self.file)
        os.rename(self._name, self._name, src_dir_fd=self._tap.folder, dst_dir_fd=self._tap.ready)


def hand_on_orphans(spool: Spool) -> int:
    """Move the captures of dead taps from `open/` to `ready/`, and return their number.

    They have no `end`, so that they are recorded as interrupted.
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
            pass  # another starting tap did it first, or the folder has foreign files
        finally:
            os.close(lock)
    return count


def _lock(folder: Path) -> int | None:
    """An exclusive lock on the folder as an open descriptor, or None if another process has it."""
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
