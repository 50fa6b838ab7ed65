"""The tap's latency while the desk works: `python -m bench.tap_first`, five minutes on Linux.

Each figure is compared with that of the same run while the desk only records the traffic of the measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from unittest.mock import patch

from bench.backlog import backlog
from bench.gemtap import Gemtap, running_gemtap
from bench.growth import fill
from bench.measure import asyncio_upstream
from bench.paced import paced
from bench.page import table, write_between_markers
from bench.pages import year_until
from bench.processes import cpu_seconds, family
from bench.readers import read_streams
from bench.samples import Samples
from bench.traffic import request_body
from bench.wrk import run_wrk
from gemtap.stores.base import Record
from gemtap.stores.opening import open_store
from gemtap.stores.sqlite.upkeep import Upkeep

_RATE: Final = 100
_STREAMS: Final = 100
_SECONDS: Final = 6.0
"""How long requests are sent; the streams take as long."""

_FIGURES: Final = ("request p50", "request p99", "chunk p50", "chunk p99")
_BODY: Final = 20_000


def measure(gemtap: Gemtap, state: str, samples: Samples) -> None:
    """Requests and streams at the same time, and the CPU time of the desk meanwhile."""
    print(f"while the desk {state}", file=sys.stderr, flush=True)
    before, began_at = _desk_seconds(gemtap), time.perf_counter()
    with paced(gemtap.port, _RATE, _SECONDS) as requests:
        readings = read_streams(gemtap.port, _STREAMS)
    took = time.perf_counter() - began_at
    figures = (requests.p50_ms, requests.p99_ms, readings.chunk_p50, readings.chunk_p99)
    for figure, value in zip(_FIGURES, figures, strict=True):
        samples.add(figure, state, value)
    samples.add("desk", state, (_desk_seconds(gemtap) - before) / took)


def _desk_seconds(gemtap: Gemtap) -> float:
    """CPU time of the desk with its workers."""
    return sum(cpu_seconds(pid) for pid in family(gemtap.processes["desk"]))


@contextmanager
def asking(gemtap: Gemtap, *paths: str) -> Iterator[None]:
    """Request these pages of the dashboard one after another, again and again."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            for path in paths:
                with urllib.request.urlopen(f"http://127.0.0.1:{gemtap.dashboard_port}{path}", timeout=300) as answer:
                    while not is_over.is_set() and answer.read(1 << 20):
                        pass

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield
    finally:
        is_over.set()
        asker.join()


async def put_uncompacted(url: str, megabytes: int) -> None:
    """Put large bodies into an empty store, and leave all compaction to the desk."""
    chance = random.Random(1)
    words = [chance.randbytes(chance.randint(2, 5)).hex() for _ in range(20_000)]
    with patch.object(Upkeep, "wake"):
        store = open_store(url)
        await store.open()
        batch: list[Record] = []
        for record in year_until(datetime.now(UTC), megabytes * 1_000_000 // _BODY):
            text = " ".join(chance.choices(words, k=_BODY // 8))
            body = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
            batch.append(Record(record.document, body, record.response_raw, accumulated=True, text=""))
            if len(batch) == 100:
                await store.put(batch)
                batch = []
        await store.put(batch)
        await store.close()


def run(folder: Path, samples: Samples, *, rounds: int, interactions: int, captures: int, packed_mb: int) -> None:
    """Measure every state `rounds` times, in turns but for the last two, which use up what they work on."""
    body = folder / "request.json"
    body.write_bytes(request_body())
    year, packed = f"sqlite:///{folder / 'year.db'}", f"sqlite:///{folder / 'packed.db'}"
    print("filling the stores", file=sys.stderr, flush=True)
    asyncio.run(fill(year, interactions))
    asyncio.run(put_uncompacted(packed, packed_mb))
    conditions = [f"/api/stats?bucket=day&by=model&client={client}" for client in ("cline", "roo-code", "gemini-cli")]
    with asyncio_upstream(folder) as upstream:
        (folder / "year").mkdir()
        with running_gemtap(folder / "year", upstream, "--store", year) as gemtap:
            run_wrk(gemtap.port, body, connections=4, seconds=1)
            for _ in range(rounds):
                gemtap.settle()
                measure(gemtap, "only records this", samples)
                with asking(gemtap, *conditions):
                    measure(gemtap, "computes statistics of the year", samples)
                with asking(gemtap, "/api/export/jsonl"):
                    measure(gemtap, "exports everything", samples)
            for _ in range(rounds):
                gemtap.settle()
                with backlog(gemtap, body, captures):
                    measure(gemtap, f"records a backlog of {captures:,}", samples)
        (folder / "packed").mkdir()
        with running_gemtap(folder / "packed", upstream, "--store", packed) as gemtap:
            # The first record starts compaction.
            run_wrk(gemtap.port, body, connections=1, seconds=1)
            for _ in range(rounds):
                measure(gemtap, f"compacts {packed_mb} MB", samples)


def report(samples: Samples, *, rounds: int, interactions: int, load: float) -> str:
    """The table."""
    states = samples.parts("desk")
    rows = []
    for state in states:
        cells = []
        for figure in _FIGURES:
            value, quiet = samples.median(figure, state), samples.median(figure, states[0])
            assert value is not None
            assert quiet
            cells += [f"{value:.2f} ms", f"{value / quiet:.2f}"]
        rows.append([f"the desk {state}", *cells, f"{(samples.median('desk', state) or 0) * 100:.0f}%"])
    titles = [title for figure in _FIGURES for title in (figure, "÷ first")]
    return "\n\n".join(
        [
            f"{_RATE} requests per second and {_STREAMS} streams of 20 chunks per second at once through one tap, for "
            f"{_SECONDS:.0f} s, {rounds} times for each line; medians. Measured on {date.today().isoformat()}, "
            f"{len(os.sched_getaffinity(0))} cores, load average before it {load:.1f}.",
            table(["meanwhile", *titles, "desk, of a core"], rows),
            "A request counts from when it was due to the last byte of its response. “÷ first” compares with the first "
            f"line, in the same run. The store has {interactions:,} interactions of a year, in SQLite. Client, "
            "upstream, tap and desk share the cores. To reproduce: `make bench-tap-first`, five minutes on Linux.",
        ]
    )


def main() -> None:
    """Measure, print the table and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.tap_first", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--interactions", type=int, default=300_000, help="in the store of a year")
    parser.add_argument("--captures", type=int, default=20_000, help="in the backlog")
    parser.add_argument("--packed-mb", type=int, default=200, help="bodies that wait for compaction")
    parser.add_argument("--folder", type=Path, help="where to keep data meanwhile, up to 2 GB")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-", dir=options.folder) as name:
        run(
            Path(name),
            samples,
            rounds=options.rounds,
            interactions=options.interactions,
            captures=options.captures,
            packed_mb=options.packed_mb,
        )
    text = report(samples, rounds=options.rounds, interactions=options.interactions, load=load)
    print(text)
    write_between_markers(options.page, text, part="bench-tap-first")


if __name__ == "__main__":
    main()
