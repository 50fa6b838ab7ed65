"""The lock of a data directory: one `gemtap serve` at a time.

The kernel frees the lock when its process dies, however it dies. Only the supervisor holds it, not its children: those
of a supervisor that was killed may finish what they are doing beside a new one, for the spool has locks of its own.
The file says who holds it, for whoever is refused. It is never deleted: somebody may be waiting for the lock on it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

LOCK_NAME: Final = "serve.lock"

_PATIENCE: Final = 1.0
"""Seconds to try: the process before may be dying at this moment, and `gemtap doctor` asks by locking."""

_TRY_EVERY: Final = 0.05

_LONGEST_NOTE: Final = 65_536

_HELD: Final = {errno.EAGAIN, errno.EACCES}
"""SMB shares answer EACCES."""


_UNKNOWN: Final = "a process that has not said which it is"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that serves a data directory, as it describes itself."""

    pid: int
    """In its own pid namespace: inside of a container this is mostly 1."""
    host: str
    since: str
    """UTC, for people to read."""
    address: str
    """The proxy's."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Those by which others find it, such as its ports; without passwords."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}, proxy at {self.address}"


class DataDirInUse(Exception):
    """Another `gemtap serve` has the data directory. One line: who, and what to do."""

    def __init__(self, data_dir: Path, holder: str) -> None:
        super().__init__(
            f"The data directory {data_dir.absolute()} is in use by another `gemtap serve`: {holder}. "
            "Use that one, stop it, or choose another directory with --data-dir."
        )


@contextmanager
def data_dir_lock(data_dir: Path, address: str, settings: Mapping[str, str] | None = None) -> Iterator[bool]:
    """Hold the lock of a data directory that exists; `address` and `settings` are for the others to read.

    Gives whether the process that had it before was killed: its children may be there for a moment yet.
    Raises DataDirInUse, and OSError where the file cannot be made.
    """
    file = _acquire(data_dir)
    try:
        was_killed = bool(os.pread(file, 1, 0))
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        _write(file, Holder(os.getpid(), socket.gethostname(), since, address, settings or {}))
        yield was_killed
        os.truncate(file, 0)
    finally:
        os.close(file)


def holder_of(data_dir: Path) -> str | None:
    """Who serves the data directory now; None where nobody does. Raises OSError where that cannot be told."""
    held, holder = _look(data_dir)
    return (_UNKNOWN if holder is None else str(holder)) if held else None


def served_settings(data_dir: Path) -> Mapping[str, str]:
    """The settings of the process that serves the data directory; empty if there is none, or it has not said."""
    try:
        _, holder = _look(data_dir)
    except OSError:
        return {}
    return {} if holder is None else holder.settings


def _look(data_dir: Path) -> tuple[bool, Holder | None]:
    """Whether the lock is held, and by whom if the holder has said so. Raises OSError."""
    try:
        file = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False, None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False, None
    except OSError as exc:
        if exc.errno not in _HELD:
            raise
        return True, _note_in(file)
    finally:
        os.close(file)


def _acquire(data_dir: Path) -> int:
    """The locked file, as an open descriptor."""
    path = data_dir / LOCK_NAME
    deadline = time.monotonic() + _PATIENCE
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno not in _HELD:
                # Some network file systems cannot lock. That is no reason not to serve.
                _log.warning(
                    "%s cannot be locked (%s): make sure that no other `gemtap serve` uses it.", path, exc.strerror
                )
                return file
            if time.monotonic() > deadline:
                holder = _note_in(file)
                os.close(file)
                raise DataDirInUse(data_dir, _UNKNOWN if holder is None else str(holder)) from None
        else:
            # Somebody may have deleted the file, and somebody else made and locked a new one.
            if _is_at(path, file):
                return file
        os.close(file)
        time.sleep(_TRY_EVERY)


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _write(file: int, holder: Holder) -> None:
    note = json.dumps(asdict(holder)).encode() + b"\n"
    try:
        os.truncate(file, 0)
        os.pwrite(file, note, 0)
    except OSError as exc:
        _log.warning("The lock of the data directory cannot say who holds it (%s).", exc.strerror)


def _note_in(file: int) -> Holder | None:
    """What the holder says of itself; None while it is being written, or if the file system hides locked files."""
    try:
        return Holder(**json.loads(os.pread(file, _LONGEST_NOTE, 0)))
    except (OSError, ValueError, TypeError):
        return None
