"""Cost as work grows: streams, sizes of bodies, contents of the store: `python -m bench.growth`, minutes on Linux."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from bench.contender import Contender
from bench.gemtap import running_gemtap
from bench.measure import asyncio_upstream, comparing
from bench.nginx import answering_nginx, proxying_nginx
from bench.page import table, write_between_markers
from bench.pages import put_year
from bench.readers import read_streams
from bench.samples import Samples
from bench.traffic import request_body, request_of
from bench.uploads import upload_latencies
from bench.wrk import run_wrk
from gemtap.stores.opening import open_store

STREAMS: Final = (1, 10, 100, 1000)
BODIES: Final = {1_000: 300, 10_000: 300, 100_000: 150, 1_000_000: 50, 3_000_000: 30}
"""How many requests are sent, by the size of each."""
CONNECTIONS: Final = (1, 32)
_PARTS: Final = ("streams", "bodies", "stores")
_NAMES: Final = ("direct", "nginx", "gemtap")


def measure_streams(folder: Path, samples: Samples, rounds: int) -> None:
    """Chunk delays of more and more streams."""
    folder.mkdir()
    with asyncio_upstream(folder) as upstream, comparing(folder, upstream) as contenders:
        for round_ in range(rounds):
            for streams in STREAMS:
                for contender in contenders:
                    _say(f"round {round_ + 1}: {streams} streams, {contender.name}")
                    before = _tap_seconds(contender)
                    readings = read_streams(contender.port, streams)
                    used = _tap_seconds(contender) - before
                    contender.settle()
                    samples.add(f"streams p50, {streams}", contender.name, readings.chunk_p50)
                    samples.add(f"streams p99, {streams}", contender.name, readings.chunk_p99)
                    samples.add(f"streams cpu, {streams}", contender.name, used / streams * 1000)


def measure_bodies(folder: Path, samples: Samples, rounds: int) -> None:
    """Latencies of larger and larger requests, one after another."""
    folder.mkdir()
    with asyncio_upstream(folder) as upstream, comparing(folder, upstream) as contenders:
        for round_ in range(rounds):
            for size, times in BODIES.items():
                body = request_of(size)
                for contender in contenders:
                    _say(f"round {round_ + 1}: {times} bodies of {_bytes(size)}, {contender.name}")
                    before = _tap_seconds(contender)
                    latencies = upload_latencies(contender.port, body, times)
                    used = _tap_seconds(contender) - before
                    contender.settle()
                    samples.add(f"bodies p50, {size}", contender.name, statistics.median(latencies))
                    samples.add(f"bodies p99, {size}", contender.name, statistics.quantiles(latencies, n=100)[98])
                    samples.add(f"bodies cpu, {size}", contender.name, used / times * 1000)


def measure_stores(folder: Path, samples: Samples, rounds: int, interactions: int) -> None:
    """Requests while they are recorded into an empty store and into one that holds a year."""
    folder.mkdir()
    body = folder / "request.json"
    body.write_bytes(request_body())
    filled, empty = folder / "filled", folder / "empty"
    filled.mkdir()
    empty.mkdir()
    _say(f"filling a store with {interactions:,} interactions")
    asyncio.run(fill(f"sqlite:///{filled / 'gemtap.db'}", interactions))
    with (
        answering_nginx(folder / "upstream") as upstream,
        proxying_nginx(folder / "nginx", upstream) as (port, _),
        running_gemtap(empty, upstream) as at_first,
        running_gemtap(filled, upstream, "--store", f"sqlite:///{filled / 'gemtap.db'}") as after_a_year,
    ):
        at_first.name, after_a_year.name = "empty", "year"
        for round_ in range(rounds):
            for connections in CONNECTIONS:
                for contender in (Contender("nginx", port), at_first, after_a_year):
                    _say(f"round {round_ + 1}: requests over {connections} connections, {contender.name}")
                    before = contender.cpu()
                    load = run_wrk(contender.port, body, connections=connections, seconds=2)
                    recorded = contender.settle()
                    samples.add(f"store p50, {connections}", contender.name, load.p50_ms)
                    samples.add(f"store p99, {connections}", contender.name, load.p99_ms)
                    samples.add(f"store requests/s, {connections}", contender.name, load.per_second)
                    for part, used in contender.cpu().items():
                        cost = (used - before[part]) / load.requests * 1e6
                        samples.add(f"store {part} cpu, {connections}", contender.name, cost)
                    if recorded is not None:
                        samples.add(f"store recorded/s, {connections}", contender.name, recorded)


async def fill(url: str, interactions: int) -> None:
    """Put a year of interactions until now into an empty store."""
    store = open_store(url)
    await store.open()
    try:
        await put_year(store, interactions)
    finally:
        await store.close()


def report(samples: Samples, rounds: int, interactions: int, load: float) -> str:
    """The tables."""
    streams = [
        [f"{count:,}", *_compared(samples, "streams", count), _cell(samples.median(f"streams cpu, {count}", "gemtap"))]
        for count in STREAMS
    ]
    bodies = [
        [_bytes(size), *_compared(samples, "bodies", size), _cell(samples.median(f"bodies cpu, {size}", "gemtap"))]
        for size in BODIES
    ]
    titles = [f"{name} {p}" for p in ("p50", "p99") for name in (*_NAMES, "gemtap ÷ nginx")]
    return "\n\n".join(
        [
            f"Measured on {date.today().isoformat()}, {len(os.sched_getaffinity(0))} cores, load average before it "
            f"{load:.1f}. Everything is captured and recorded. All take turns in {rounds} rounds; medians.",
            table(["streams", *titles, "tap, CPU per stream"], streams),
            "Delay of a chunk in milliseconds, from the upstream's write to the client's read: 20 chunks a second for "
            "each stream, 80 of them. Upstream, proxies and clients share the cores.",
            table(["request", *titles, "tap, CPU per request"], bodies),
            "Milliseconds from the first byte of the request to the last of the response, one after another.",
            table(["", "nginx", "empty store", "a year", "a year ÷ empty"], _stores(samples)),
            f"Requests of 2 KB by wrk. The store of a year has {interactions:,} interactions before the run.",
            "To reproduce: `make bench-growth`, six minutes on Linux. It writes this section.",
        ]
    )


def _compared(samples: Samples, what: str, size: int) -> Iterator[str]:
    for p in ("p50", "p99"):
        values = [samples.median(f"{what} {p}, {size}", name) for name in _NAMES]
        yield from (_cell(value, "") for value in values)
        _, nginx, gemtap = values
        yield f"{gemtap / nginx:.1f}" if gemtap and nginx else ""


def _stores(samples: Samples) -> list[list[str]]:
    rows = []
    for connections in CONNECTIONS:
        for title, figure, unit in (
            ("latency p50", "p50", " ms"),
            ("latency p99", "p99", " ms"),
            ("requests/s", "requests/s", ""),
            ("tap, CPU per request", "tap cpu", " µs"),
            ("desk, CPU per request", "desk cpu", " µs"),
            ("recorded/s", "recorded/s", ""),
        ):
            nginx, empty, year = (
                samples.median(f"store {figure}, {connections}", name) for name in ("nginx", "empty", "year")
            )
            if empty and year:
                cells = [_cell(value, unit) for value in (nginx, empty, year)]
                where = f"{connections} connection{'s' if connections > 1 else ''}"
                rows.append([f"{title}, {where}", *cells, f"{year / empty:.2f}"])
    return rows


def _tap_seconds(contender: Contender) -> float:
    return contender.cpu().get("tap", 0.0)


def _bytes(size: int) -> str:
    return f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1000} KB"


def _cell(value: float | None, unit: str = " ms") -> str:
    return "" if value is None else f"{value:,.0f}{unit}" if value >= 100 else f"{value:.2f}{unit}"


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the tables and write them into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--parts", nargs="*", default=list(_PARTS), choices=_PARTS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--interactions", type=int, default=300_000, help="in the store of a year")
    parser.add_argument("--folder", type=Path, help="where to keep data meanwhile, up to 2 GB")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-", dir=options.folder) as name:
        folder = Path(name)
        if "streams" in options.parts:
            measure_streams(folder / "streams", samples, options.rounds)
        if "bodies" in options.parts:
            measure_bodies(folder / "bodies", samples, options.rounds)
        if "stores" in options.parts:
            measure_stores(folder / "stores", samples, options.rounds, options.interactions)
    text = report(samples, options.rounds, options.interactions, load)
    print(text)
    write_between_markers(options.page, text, part="bench-growth")


if __name__ == "__main__":
    main()
