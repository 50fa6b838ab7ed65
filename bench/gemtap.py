"""`gemtap serve` as users start it, with a data directory of its own."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.contender import Contender
from bench.processes import children, free_port, running, wait_until

_PROGRAM: Final = Path(sys.executable).with_name("gemtap")

_PARTS: Final = {"gemtap.tap.entry": "tap", "gemtap.desk": "desk"}
"""Names of Gemtap's processes by the module that each runs."""


class Gemtap(Contender):
    """A running Gemtap."""

    def __init__(self, folder: Path, upstream: int, *flags: str) -> None:
        """`upstream` is the port of the upstream; `flags` are passed to `gemtap serve`."""
        super().__init__("gemtap", free_port())
        self.data_dir = folder / "data"
        self.log = folder / "gemtap.log"
        self.dashboard_port = free_port()
        self.command = [str(_PROGRAM), "serve", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        self.command += ["--dashboard-port", str(self.dashboard_port)]
        self.command += ["--upstream", f"gemini=http://127.0.0.1:{upstream}", *flags]

    def takes_requests(self) -> bool:
        """Whether the tap answers."""
        return self._health() is not None

    def backlog(self) -> int | None:
        """Number of captures that wait to be recorded, or None while the desk does not answer."""
        answer = _get_json(f"http://127.0.0.1:{self.dashboard_port}/readyz")
        return None if answer is None else int(answer["backlog"])

    def settle(self) -> float | None:
        """Wait until every capture is recorded. Returns the interactions recorded per second."""
        began_at, backlog = time.perf_counter(), self.backlog()
        wait_until("recording the backlog", lambda: self.backlog() == 0, every=0.1, patience=900)
        return backlog / (time.perf_counter() - began_at) if backlog else None

    def lost(self) -> int:
        """Number of captures that could not be written or recorded."""
        health = self._health()
        assert health is not None
        failed = len(list((self.data_dir / "spool" / "failed").glob("*.capture")))
        return int(health["captures_lost"]) + failed

    def _health(self) -> dict[str, Any] | None:
        return _get_json(f"http://127.0.0.1:{self.port}/_gemtap/health")


@contextmanager
def running_gemtap(folder: Path, upstream: int, *flags: str) -> Iterator[Gemtap]:
    """Run Gemtap. Yields once its tap and its desk answer."""
    gemtap = Gemtap(folder, upstream, *flags)
    with running(gemtap.command, gemtap.log) as process:
        wait_until("gemtap's tap", gemtap.takes_requests)
        wait_until("gemtap's desk", lambda: gemtap.backlog() is not None)
        gemtap.processes = {"supervisor": process.pid}
        for pid, command_line in children(process.pid).items():
            gemtap.processes |= {part: pid for module, part in _PARTS.items() if module in command_line}
        yield gemtap


def start_up_seconds(folder: Path, upstream: int) -> float:
    """Seconds from the start of `gemtap serve` to the first response of its tap."""
    gemtap = Gemtap(folder, upstream)
    began_at = time.perf_counter()
    with running(gemtap.command, gemtap.log):
        wait_until("gemtap's tap", gemtap.takes_requests, every=0.005)
        return time.perf_counter() - began_at


@dataclass(frozen=True)
class Kept:
    """Contents of a store."""

    interactions: int
    bytes: int
    """Size on the disk."""


def kept_by(gemtap: Gemtap) -> Kept:
    """Contents of the store of a stopped Gemtap, which is a single file then."""
    database = gemtap.data_dir / "gemtap.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (interactions,) = connection.execute("SELECT count(*) FROM interactions").fetchone()
    return Kept(interactions, database.stat().st_size)


def _get_json(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as answer:
        # A process that is not ready answers 503 with the same figures.
        with answer:
            found = json.load(answer)
    except OSError:
        return None
    return found
