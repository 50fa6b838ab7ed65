"""A database outage of ten minutes under constant traffic: `python -m bench.outage`, fourteen minutes on Linux."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from pymongo import MongoClient

from bench.gemtap import Gemtap, running_gemtap
from bench.page import table, write_between_markers
from bench.processes import accepts_connections, free_port, running, wait_until
from bench.traffic import GENERATE, HEADERS, request_body
from tests.mongod import Mongod

_WORKED_OFF_WITHIN: Final = 1_800.0
"""Maximum duration of the traffic after the outage, in seconds."""

_DATABASE: Final = "outage"


@dataclass
class Phase:
    """A phase of constant traffic, with latencies in milliseconds."""

    name: str
    seconds: float = 0.0
    direct: list[float] = field(default_factory=list)
    gemtap: list[float] = field(default_factory=list)

    @property
    def added(self) -> float:
        """Latency that Gemtap adds to the median, in milliseconds."""
        return statistics.median(self.gemtap) - statistics.median(self.direct)

    def percentile(self, n: int) -> tuple[float, float]:
        """The percentile of direct requests and of requests through Gemtap."""
        direct, gemtap = (statistics.quantiles(each, n=100)[n - 1] for each in (self.direct, self.gemtap))
        return direct, gemtap


class Traffic:
    """Requests through Gemtap at a constant rate, with every fourth sent directly too, for comparison."""

    def __init__(self, gemtap: int, direct: int, rate: float) -> None:
        self._gemtap = gemtap
        self._direct = direct
        self._rate = rate
        self._body = request_body()
        self.sent = 0
        """Number of requests through Gemtap that were answered with 200."""

    async def run(self, name: str, is_over: Callable[[float], bool]) -> Phase:
        """Send traffic until `is_over` of the elapsed seconds. Raises aiohttp.ClientError if a request fails."""
        phase = Phase(name)
        loop = asyncio.get_running_loop()
        began_at = due = loop.time()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            number = 0
            while not is_over(loop.time() - began_at):
                group.create_task(self._ask(session, self._gemtap, phase.gemtap))
                if number % 4 == 0:
                    group.create_task(self._ask(session, self._direct, phase.direct))
                number += 1
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - loop.time()))
        phase.seconds = loop.time() - began_at
        self.sent += len(phase.gemtap)
        return phase

    async def _ask(self, session: aiohttp.ClientSession, port: int, times: list[float]) -> None:
        began_at = time.perf_counter()
        async with session.post(f"http://127.0.0.1:{port}{GENERATE}", data=self._body, headers=HEADERS) as answer:
            answer.raise_for_status()
            await answer.read()
        times.append((time.perf_counter() - began_at) * 1000)


@dataclass
class Outage:
    """The results."""

    phases: list[Phase]
    sent: int
    kept: int
    backlog: int
    """Number of captures in the backlog when the database came back."""
    spool_bytes: int
    """Their size on the disk."""


async def measure(folder: Path, *, before: float, away: float, rate: float) -> Outage:
    """Run `before` seconds with the database, `away` seconds without it, and then until everything is recorded."""
    mongod = Mongod(folder / "mongod")
    mongod.start()
    upstream = free_port()
    try:
        with (
            running([sys.executable, "-m", "bench.upstream", str(upstream)], folder / "upstream.log"),
            running_gemtap(folder, upstream, "--store", f"{mongod.url}/{_DATABASE}") as gemtap,
        ):
            wait_until("the upstream", lambda: accepts_connections(upstream))
            traffic = Traffic(gemtap.port, upstream, rate)
            await traffic.run("warming up", lambda seconds: seconds > 5)
            phases = [await traffic.run("before", lambda seconds: seconds > before)]
            mongod.kill()
            phases.append(await traffic.run("during the outage", lambda seconds: seconds > away))
            backlog = gemtap.backlog() or 0
            files = [path for path in (gemtap.data_dir / "spool").rglob("*") if path.is_file()]
            spool_bytes = sum(path.stat().st_blocks * 512 for path in files)
            await asyncio.to_thread(mongod.start)
            phases.append(await _until_worked_off(traffic, gemtap))
            await asyncio.to_thread(gemtap.settle)
            if lost := gemtap.lost():
                raise SystemExit(f"{lost} captures are lost: see {gemtap.log}")
        client: MongoClient[dict[str, Any]] = MongoClient(mongod.url)
        with client:
            kept = client[_DATABASE]["gemini_interactions"].count_documents({})
    finally:
        mongod.stop()
    return Outage(phases, traffic.sent, kept, backlog, spool_bytes)


async def _until_worked_off(traffic: Traffic, gemtap: Gemtap) -> Phase:
    done = asyncio.Event()

    async def watch() -> None:
        async with asyncio.timeout(_WORKED_OFF_WITHIN):
            while (await asyncio.to_thread(gemtap.backlog) or 0) > 50:
                await asyncio.sleep(0.5)
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        return await traffic.run("while the backlog is recorded", lambda _: done.is_set())


def report(outage: Outage, rate: float) -> str:
    """The results as Markdown."""
    before, _, after = outage.phases
    rows = []
    for phase in outage.phases:
        (direct50, gemtap50), (direct99, gemtap99) = phase.percentile(50), phase.percentile(99)
        times = [f"{value:.2f} ms" for value in (direct50, gemtap50, direct99, gemtap99, phase.added)]
        rows.append([phase.name, f"{phase.seconds:.0f} s", *times, f"{phase.added / before.added:.2f}"])
    columns = ["", "time", "direct p50", "gemtap p50", "direct p99", "gemtap p99", "gemtap adds", "÷ before"]
    per_second = (outage.backlog + rate * after.seconds) / after.seconds
    return (
        f"{rate:g} requests per second of {len(request_body()) / 1000:.1f} KB through Gemtap with MongoDB 6.0, which "
        "is killed with kill -9 and restarted later; a quarter as many are sent directly for comparison.\n\n"
        f"{table(columns, rows)}\n\n"
        f"- Answered through Gemtap: {outage.sent:,}; in the database afterwards: {outage.kept:,}.\n"
        f"- The backlog when the database came back: {outage.backlog:,} captures, "
        f"{outage.spool_bytes / 1e6:.0f} MB on the disk. It was recorded in {after.seconds:.0f} s, together with new "
        f"traffic: {per_second:.0f} per second."
    )


def main() -> None:
    """Measure, print and update the section of the page. Exit status 1 if anything is lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--before", type=float, default=120, help="seconds of traffic before the outage")
    parser.add_argument("--away", type=float, default=600, help="seconds that the database is away")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        outage = asyncio.run(measure(Path(folder), before=options.before, away=options.away, rate=options.rate))
    text = report(outage, options.rate)
    print(text)
    write_between_markers(options.page, text, part="bench-outage")
    sys.exit(outage.sent != outage.kept)


if __name__ == "__main__":
    main()
