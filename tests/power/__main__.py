"""Cut the power again and again and print what was lost. Exit status 1 if it was more than is promised."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from gemtap.capture.syncing import SyncMode
from tests.power.disk import SMALLEST, FileSystem, RecordedDisk, Unavailable, unmount_all
from tests.power.recording import Recording, record
from tests.power.recovery import Found, Recovery
from tests.power.stores import StoreKind
from tests.power.write_log import Cut, Replay

PLANS: Final[dict[str, tuple[FileSystem, StoreKind, SyncMode]]] = {
    "ext4-second": ("ext4", "sqlite", "second"),
    "ext4-always": ("ext4", "sqlite", "always"),
    "xfs-second": ("xfs", "sqlite", "second"),
    "xfs-always": ("xfs", "sqlite", "always"),
    "mongodb-second": ("ext4", "mongodb", "second"),
    "ext4-none": ("ext4", "sqlite", "none"),
}
"""What is recorded: on which file system, into which store, with which `capture_sync`."""

_ROOM_FOR_MONGOD: Final = 2**30

_WITH_PROCESSES: Final = 40
"""One in so many cuts is recovered from by `gemtap serve`, the others by what it calls: a tenth of the time."""

_LONGEST_RECOVERY: Final = 300.0
"""Seconds without a result after which a recovery counts as stuck."""

_TOLD: Final = 20
"""Faults that are told in words."""


@dataclass(frozen=True)
class Plan:
    """One recording, and how many cuts are made of it."""

    file_system: FileSystem
    store: StoreKind
    mode: SyncMode
    cuts: int
    seed: int

    @property
    def name(self) -> str:
        """The plan in a few words."""
        return f"{self.file_system}, {self.store}, capture_sync = {self.mode}"


@dataclass
class Result:
    """What became of one plan."""

    plan: Plan
    recording: Recording
    writes: int
    flushes: int
    bound: float | None
    """Seconds of captures that may be lost."""
    found: list[Found] = field(default_factory=list)

    def faults(self) -> Iterator[str]:
        """What was not as promised, in words."""
        for each in self.found:
            where = f"{self.plan.name}, cut at write {each.cut.position} ({each.cut.unflushed})"
            yield from (f"{where}: {fault}" for fault in each.faults)
            for number, age in each.lost.items():
                if self.bound is not None and age > self.bound:
                    yield f"{where}: exchange {number} lost something that was captured {age:.2f} s before"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.power", description=__doc__)
    parser.add_argument("--plan", choices=PLANS, action="append", help="repeatable; default: all but the unsynced")
    parser.add_argument("--cuts", type=int, default=600, help="cuts in all")
    parser.add_argument("--seconds", type=float, default=16, help="of traffic in each recording")
    parser.add_argument("--rate", type=float, default=25, help="exchanges begun a second")
    parser.add_argument("--seed", type=int, default=1, help="of the traffic and the cuts")
    parser.add_argument("--folder", type=Path, help="for the disks, 2 GB; default: memory, if there is enough of it")
    options = parser.parse_args()

    # `timeout` and CI end it so: unmount all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.geteuid() != 0:
        print("This mounts disks: run it as root.", file=sys.stderr)
        return 2
    names = options.plan or [name for name in PLANS if not name.endswith("none")]
    plans = [
        Plan(*PLANS[name], cuts=math.ceil(options.cuts / len(names)), seed=options.seed + n)
        for n, name in enumerate(names)
    ]
    results = []
    try:
        for plan in plans:
            with tempfile.TemporaryDirectory(prefix="gemtap-power-", dir=options.folder or _memory()) as folder:
                try:
                    results.append(_carry_out(plan, Path(folder), options.seconds, options.rate))
                finally:
                    unmount_all(Path(folder))
            # Each as soon as there is one: the whole takes a while.
            Console(width=200).print(_table(results[-1:]))
    except Unavailable as exc:
        print(exc, file=sys.stderr)
        return 2
    if len(results) > 1:
        Console(width=200).print(_table(results))
    faults = [fault for result in results for fault in result.faults()]
    for fault in faults[:_TOLD]:
        print(fault)
    print(f"{len(faults)} faults" if faults else "Nothing was lost that must not be.")
    return 1 if faults else 0


def _memory() -> Path | None:
    shared = Path("/dev/shm")
    if shared.is_dir() and (room := os.statvfs(shared)).f_bavail * room.f_frsize > 4 * 2**30:
        return shared
    return None


def _carry_out(plan: Plan, folder: Path, seconds: float, rate: float) -> Result:
    began = time.monotonic()
    disk = RecordedDisk(folder, plan.file_system, _ROOM_FOR_MONGOD if plan.store == "mongodb" else SMALLEST)
    recording = asyncio.run(record(disk, plan.store, plan.mode, seconds=seconds, rate=rate, seed=plan.seed))
    with closing(Replay(disk, folder)) as replay:
        flushes = sum(entry.is_flush for entry in replay.entries)
        result = Result(plan, recording, len(replay.entries) - flushes, flushes, _bound(plan, recording))
        cuts = replay.choose(plan.cuts, since=recording.began, seed=plan.seed)
        with multiprocessing.get_context("fork").Pool(_processes(), _as_worker) as pool:
            work = partial(_recover, folder, Recovery(recording, plan.file_system, plan.store))
            found = pool.imap_unordered(work, _images(replay, cuts, folder))
            result.found += [found.next(timeout=_LONGEST_RECOVERY) for _ in cuts]
    print(f"{plan.name}: {len(cuts)} cuts in {time.monotonic() - began:.0f} s", flush=True)
    return result


def _as_worker() -> None:
    # The pool ends its processes by SIGTERM. Python's own handler runs in the main thread alone: when the kernel gives
    # the signal to another thread (SQLite's, a driver's), a main thread that waits for work waits for ever.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Torn captures are expected here; only what the comparison finds is worth a line.
    logging.disable(logging.ERROR)


def _processes() -> int:
    # They wait for the disk and for threads more than they compute.
    return min(3 * (os.cpu_count() or 1), 12)


def _images(replay: Replay, cuts: list[Cut], folder: Path) -> Iterator[tuple[int, Cut, Path]]:
    for number, cut in enumerate(cuts):
        path = folder / f"cut-{number}.raw"
        # Made no faster than they are looked at: each takes as much room as the disk.
        while len(list(folder.glob("cut-*.raw"))) > 2 * _processes():
            time.sleep(0.01)
        replay.image(cut, path)
        yield number, cut, path


def _recover(folder: Path, recovery: Recovery, task: tuple[int, Cut, Path]) -> Found:
    number, cut, image = task
    mount_point = folder / f"mount-{os.getpid()}"
    try:
        return recovery.run(image, mount_point, cut, with_processes=number % _WITH_PROCESSES == 0)
    except Exception as exc:
        return Found(cut, faults=[f"recovery failed: {type(exc).__name__}: {exc}"])
    finally:
        image.unlink()


def _bound(plan: Plan, recording: Recording) -> float | None:
    match plan.mode:
        case "second":
            # The second, the sync, and on a busy machine the time until either gets the processor.
            return recording.longest_unsynced
        case "always":
            return 0.0
        case "none":
            return None


def _table(results: list[Result]) -> Table:
    table = Table(
        *("file system", "store", "capture_sync", "cuts", "of writes", "and flushes", "commits seen before", "lost"),
        *("recorded from spools", "faults", "exchanges cut short or lost", "longest loss", "bound"),
    )
    for result in results:
        found = result.found
        losses = [age for each in found for age in each.lost.values()]
        lost = sum("is lost" in fault for each in found for fault in each.faults)
        table.add_row(
            result.plan.file_system,
            result.plan.store,
            result.plan.mode,
            *(f"{n:,}" for n in (len(found), result.writes, result.flushes)),
            *(f"{n:,}" for n in (sum(each.acknowledged for each in found), lost)),
            f"{sum(each.from_spool for each in found):,}",
            f"{len(list(result.faults())):,}",
            f"{len(losses):,}",
            f"{max(losses, default=0):.2f} s",
            "none" if result.bound is None else f"{result.bound:.2f} s",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
