"""The spool: the folders between the taps and the recorder.

`open/TAP/` has the journal of a tap: segments with the events of all its exchanges, and a file for each exchange that
is large or long (see `gemtap.capture.tap_folder`). Such a file is renamed into `ready/` at the end of its exchange.
`failed/` has captures that can never be stored, each with the reason beside it, `incidents/` incidents of recording
that are not stored yet. Files have the mode 0600 and folders 0700, since captures contain whatever the client sent.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

from bson import ObjectId
from bson.errors import InvalidId

from gemtap.capture.frames import SEGMENT_SUFFIX, SegmentName

SUFFIX: Final = ".capture"
REASON_SUFFIX: Final = ".reason.txt"
INCIDENT_SUFFIX: Final = ".json"
LOSSES_SUFFIX: Final = ".losses"
DRAFT_SUFFIX: Final = ".moving"
PROGRESS_NAME: Final = "recorded"
"""The file in a tap's folder that says how far its journal is recorded."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Spool:
    """The folders of the spool. `create` creates them on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = path / "open"
        self.ready = path / "ready"
        self.failed = path / "failed"
        self.incidents = path / "incidents"

    def create(self) -> None:
        """Create the folders. Raises OSError."""
        for folder in (self.path, self.open, self.ready, self.failed, self.incidents):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        # Earlier versions kept the emptied files of recorded captures here.
        shutil.rmtree(self.path / "spare", ignore_errors=True)

    def waiting(self) -> list[Path]:
        """The captures in `ready/`, oldest first, by their names, which are ids that begin with the time."""
        with os.scandir(self.ready) as entries:
            return [self.ready / name for name in sorted(e.name for e in entries if e.name.endswith(SUFFIX))]

    def taps(self) -> list[Path]:
        """The folders of taps, running and dead; none if the spool does not exist."""
        try:
            with os.scandir(self.open) as entries:
                return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def size(self) -> int:
        """Bytes of captures, with open and failed ones, except what of the journals is recorded. Raises OSError."""
        size = 0
        for folder in (self.ready, self.failed, *self.taps()):
            try:
                recorded = read_progress(folder)
                with os.scandir(folder) as entries:
                    for entry in entries:
                        try:
                            if entry.name.endswith((SUFFIX, SEGMENT_SUFFIX)):
                                size += _unrecorded(entry, recorded)
                        except FileNotFoundError:
                            continue  # it is recorded by now
            except FileNotFoundError:
                continue  # its tap has ended
        return size

    def fail(self, name: str, reason: str, capture: bytes | None = None) -> None:
        """Keep a capture that can never be stored in `failed/`, with the reason beside it.

        `capture`: its bytes; None if it is the file of this name in `ready/`, which is moved. Raises OSError.
        """
        target = self.failed / name
        reason_path = target.with_name(name + REASON_SUFFIX)
        reason_path.touch(mode=0o600)
        reason_path.write_text(reason + "\n", "utf-8")
        if capture is None:
            (self.ready / name).rename(target)
            return
        with open(target, "wb", opener=private) as file:
            file.write(capture)
            file.flush()
            # Its segment is deleted next.
            os.fsync(file.fileno())

    def failed_count(self) -> int:
        """Number of captures in `failed/`."""
        with os.scandir(self.failed) as entries:
            return sum(entry.name.endswith((SUFFIX, SEGMENT_SUFFIX)) for entry in entries)


def _unrecorded(entry: os.DirEntry[str], recorded: tuple[int, int]) -> int:
    size = entry.stat(follow_symlinks=False).st_size
    number, offset = recorded
    segment = SegmentName.parse(entry.name)
    if segment is None or segment.number > number:
        return size
    return max(0, size - offset) if segment.number == number else 0


def read_progress(folder: Path) -> tuple[int, int]:
    """Up to where a journal is recorded: number of a segment, and an offset in it. (0, 0) if nothing is known.

    Exchanges whose last frame ends there or before are recorded.
    """
    try:
        number, offset = (folder / PROGRESS_NAME).read_text("ascii").split()
        return int(number), int(offset)
    except (FileNotFoundError, ValueError):
        return 0, 0  # nothing was recorded, or a power failure has emptied it


def private(path: str, flags: int) -> int:
    """Opens a file that nobody else can read."""
    return os.open(path, flags, 0o600)


def capture_id(path: Path) -> ObjectId | None:
    """The id in the name of a capture's file; None for a file of another program."""
    return id_of(path.name.removesuffix(SUFFIX))


def id_of(name: str) -> ObjectId | None:
    """Parse a name as an id, or return None."""
    try:
        return ObjectId(name)
    except InvalidId:
        return None


def hand_on_losses(spool: Spool) -> None:
    """Hand on to `incidents/` what dead taps have counted. Their captures are left to the recorder."""
    for folder in spool.taps():
        lock = lock_folder(folder)
        if lock is not None:
            try:
                _hand_on_losses(spool, folder)
            finally:
                os.close(lock)


def hand_on(spool: Spool, folder: Path) -> None:
    """Hand on the files of a dead tap, whose folder is locked here: captures to `ready/`, losses to `incidents/`.

    Its segments stay. The folder is removed if nothing is left in it.
    """
    try:
        for path in folder.glob(f"*{SUFFIX}"):
            path.rename(spool.ready / path.name)
        _hand_on_losses(spool, folder)
        folder.rmdir()
    except OSError:
        pass  # it has a journal or foreign files


def _hand_on_losses(spool: Spool, folder: Path) -> None:
    try:
        for path in folder.glob(f"*{LOSSES_SUFFIX}"):
            if path.read_bytes().strip():
                path.rename(spool.incidents / f"{ObjectId()}{INCIDENT_SUFFIX}")
            else:
                path.unlink()
    except FileNotFoundError:
        pass  # another process did it


def lock_folder(folder: Path) -> int | None:
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
