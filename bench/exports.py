"""Time and memory of exporting a million interactions in every format: `python -m bench.exports`.

The interactions are small, all different, and written directly into SQLite. Each format is a separate `gemtap export`,
whose peak resident memory comes from the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from bson import ObjectId

from bench.page import table, write_between_markers
from gemtap.exporters.registry import FORMATS
from gemtap.stores.base import Record
from gemtap.stores.opening import open_store
from tests.records import NOON, make_record

_BATCH: Final = 2_000


@dataclass(frozen=True)
class Measured:
    """The result of one export."""

    name: str
    seconds: float
    peak_mb: float
    size_mb: float
    report: str


def records(count: int) -> Iterator[Record]:
    """Conversations of one turn, all different."""
    for number in range(count):
        request = {"contents": [{"role": "user", "parts": [{"text": f"What is {number} times {number + 7}?"}]}]}
        content = {"role": "model", "parts": [{"text": f"It is {number * (number + 7):,}."}]}
        answer = {"candidates": [{"content": content, "finishReason": "STOP"}]}
        id_ = ObjectId()
        yield make_record(
            _id=id_,
            timestamp=NOON + timedelta(seconds=number),
            request_raw=json.dumps(request, separators=(",", ":")).encode(),
            response_raw=json.dumps(answer, separators=(",", ":")).encode(),
            thread={"id": id_, "turn": 1, "parent": None, "new_messages": 1},
            tags=[],
        )


async def fill(path: Path, count: int) -> None:
    """Write them into a new store."""
    store = open_store(f"sqlite:///{path}")
    await store.open()
    made = records(count)
    written = 0
    while batch := list(islice(made, _BATCH)):
        await store.put(batch)
        written += len(batch)
        if written % 100_000 < _BATCH:
            print(f"  {written:,} written", flush=True)
    await store.close()


def peak_mb(process: int) -> float:
    """Peak resident memory of a process so far, in MB, or 0 if it has exited."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def measure(name: str, folder: Path) -> Measured:
    """Export in one format, in a separate process."""
    target = folder / "out"
    command = [sys.executable, "-m", "gemtap", "export", name, "-o", str(target), "--data-dir", str(folder)]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        peak = 0.0
        while process.poll() is None:
            # The value of `wait4` would include the memory that this process had when it forked.
            peak = max(peak, peak_mb(process.pid))
            time.sleep(0.05)
        assert process.stderr is not None
        report = process.stderr.read().partition("\n")[0]
    assert process.returncode == 0, report
    size = target.stat().st_size
    target.unlink()
    return Measured(name, time.perf_counter() - started, peak, size / 1e6, report)


def main() -> None:
    """Measure, print, and update docs/performance.md unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="*", default=[each.name for each in FORMATS.values() if not each.shows_one])
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md as it is")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gemtap-bench-")))
        asyncio.run(fill(folder / "gemtap.db", given.interactions))
        size = (folder / "gemtap.db").stat().st_size
        found = []
        for name in given.formats:
            found.append(measure(name, folder))
            print(found[-1], flush=True)
    page = "\n".join(
        [
            f"Measured with {given.interactions:,} interactions of one short turn each, all different "
            f"({size / 1e6:,.0f} MB in SQLite).",
            "",
            table(
                ["format", "seconds", "interactions/s", "peak of resident memory", "file"],
                [
                    [
                        f"`{each.name}`",
                        f"{each.seconds:,.0f}",
                        f"{given.interactions / each.seconds:,.0f}",
                        f"{each.peak_mb:,.0f} MB",
                        f"{each.size_mb:,.0f} MB",
                    ]
                    for each in found
                ],
            ),
        ]
    )
    print(page)
    if not given.no_write:
        write_between_markers(Path("docs/performance.md"), page, part="bench-exports")


if __name__ == "__main__":
    main()
