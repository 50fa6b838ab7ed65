"""Counts exchanges that could not be captured, in a file that never grows and outlives the process.

The file is allocated when the tap starts, so that a full disk can still be reported. It is written in place, so that
the count is right even if the tap is killed at that moment.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Final

from bson import ObjectId

from gemtap.capture.spool import LOSSES_SUFFIX, Spool
from gemtap.capture.tap_folder import TapFolder
from gemtap.incident import Incident, IncidentKind, from_line, now, to_line

_log = logging.getLogger(__name__)

_ROOM: Final = 4096
_MOST_CAUSES: Final = 8
_LONGEST_CAUSE: Final = 200
"""Maximum length of a cause, so that all causes fit into the file."""

_LOG_EVERY: Final = 10.0

_QUIET: Final = 5.0
_OLD: Final = 60.0
"""Seconds after the last loss, or the first, after which the losses become one incident."""

_SAID: Final = {
    IncidentKind.CAPTURES_LOST: (
        "NOT RECORDING, traffic goes on",
        "Exchanges went through the proxy and could not be recorded, or not whole.",
    ),
    IncidentKind.CAPTURES_UNSYNCED: (
        "THE DISK FAILS TO WRITE CAPTURES, traffic and recording go on",
        "The disk failed to write captures. Those that were not recorded before a power cut are lost by it.",
    ),
    IncidentKind.REQUESTS_REFUSED: (
        "REFUSING REQUESTS",
        "Requests were refused because they could not be recorded (when_full = refuse).",
    ),
    IncidentKind.STRANGERS_REFUSED: (
        "REFUSING MANY REQUESTS WITHOUT A VALID ACCESS KEY",
        "Requests without a valid access key were refused. Not every one of so many is recorded.",
    ),
    IncidentKind.LIMITS_REFUSED: (
        "REFUSING MANY REQUESTS FOR WHICH LIMITS HAVE NO ROOM",
        "Requests were refused since a limit was reached. Not every one of so many is recorded.",
    ),
}
"""Texts of each kind for the log and for the incident."""


class LossCounter:
    """Counts losses of one kind in one tap."""

    def __init__(self, folder: TapFolder, kind: IncidentKind) -> None:
        """Allocates the file. Raises OSError."""
        self.count = 0
        """Since the tap started."""
        self.last: str | None = None
        """The cause of the last one."""
        self._folder = folder
        self._kind = kind
        self._name = f"{kind}{LOSSES_SUFFIX}"
        self._logged_at = float("-inf")
        self._start()

    def add(self, cause: str, exchanges: int = 1) -> None:
        """Count losses on the disk, and log them at most once in ten seconds."""
        self.count += exchanges
        self.last = cause
        self._last_at = time.monotonic()
        incident = self._incident
        if not incident["count"]:
            self._first_at, incident["at"] = self._last_at, now()
        incident["until"] = now()
        incident["count"] += exchanges
        name = cause.encode("ascii", "replace").decode()[:_LONGEST_CAUSE]
        if name not in self._causes and len(self._causes) >= _MOST_CAUSES:
            name = "other causes"
        self._causes[name] = self._causes.get(name, 0) + exchanges
        incident["details"] = {"causes": [{"cause": name, "count": count} for name, count in self._causes.items()]}
        try:
            os.pwrite(self._file, to_line(incident).ljust(_ROOM), 0)
            self._folder.note_unsynced()
        except OSError as exc:
            _log.error("Not even the number of exchanges that are not recorded can be written: %s", exc)
        if self._last_at - self._logged_at > _LOG_EVERY:
            self._logged_at = self._last_at
            _log.error("%s (%s): %d so far.", _SAID[self._kind][0], cause, self.count)

    def hand_on(self) -> None:
        """Pass the counted losses to the recorder, unless more are likely to follow."""
        if not self._incident["count"]:
            return
        at = time.monotonic()
        if at - self._last_at < _QUIET and at - self._first_at < _OLD:
            return
        old = self._file
        try:
            self._folder.hand_on_losses(self._name)
            self._start()
        except OSError as exc:
            _log.warning("What was not recorded cannot be told yet: %s", exc)
        else:
            os.close(old)

    def close(self) -> None:
        """Pass on all counted losses, and close the file."""
        os.close(self._file)
        try:
            if self._incident["count"]:
                self._folder.hand_on_losses(self._name)
            else:
                os.unlink(self._name, dir_fd=self._folder.folder)
        except OSError:
            pass  # the next tap that starts does it

    def _start(self) -> None:
        file = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self._folder.folder)
        try:
            os.pwrite(file, b" " * _ROOM, 0)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._first_at = self._last_at = 0.0
        self._causes: dict[str, int] = {}
        self._incident: Incident = {
            "_id": ObjectId(),
            "at": now(),
            "until": None,
            "kind": self._kind,
            "count": 0,
            "message": _SAID[self._kind][1],
            "details": {},
        }


def counted_losses(spool: Spool) -> list[Incident]:
    """Losses that running taps have counted and not passed on yet."""
    found = []
    for path in spool.open.glob(f"*/*{LOSSES_SUFFIX}"):
        try:
            if line := path.read_bytes().strip():
                found.append(from_line(ObjectId(), line))
        except (OSError, ValueError):
            continue  # passed on at this moment, or being written
    return found
