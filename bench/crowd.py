"""A thousand streams and twenty bodies of 100 MB at once: `python -m bench.crowd`, a minute or two on Linux."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.gemtap import Gemtap, running_gemtap
from bench.page import table, write_between_markers
from bench.processes import accepts_connections, free_port, memory, running, wait_until
from bench.traffic import CHUNKS, GENERATE, HEADERS, STREAM, request_body

_PIECE: Final = b"x" * 65_536
_PROBE_EVERY: Final = 0.01

_HEALTH: Final = b"GET /_gemtap/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Crowd:
    """The results."""

    streams: int
    bodies: int
    body_mb: int
    idle: dict[str, float] = field(default_factory=dict)
    """Resident memory of each process before the run, in MB."""
    peak: dict[str, float] = field(default_factory=dict)
    """Peak resident memory until everything was recorded, in MB."""
    tap_peak: float = 0.0
    """Peak of the tap when all clients were served, in MB."""
    probes: list[float] = field(default_factory=list)
    """Milliseconds until the tap answered the smallest request, sent a hundred times a second meanwhile."""
    seconds: float = 0.0
    recorded_after: float = 0.0


async def measure(folder: Path, *, streams: int, bodies: int, body_mb: int) -> Crowd:
    """Serve all of them at once. Raises RuntimeError if a response is not complete."""
    crowd = Crowd(streams, bodies, body_mb)
    upstream = free_port()
    with (
        running([sys.executable, "-m", "bench.upstream", str(upstream)], folder / "upstream.log"),
        running_gemtap(folder, upstream) as gemtap,
    ):
        wait_until("the upstream", lambda: accepts_connections(upstream))
        await _post(gemtap.port, GENERATE, request_body())
        gemtap.settle()
        crowd.idle = _held(gemtap, "now")
        began_at = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            probing = group.create_task(_probe(gemtap.port, crowd.probes))
            async with asyncio.TaskGroup() as clients:
                for number in range(streams):
                    clients.create_task(_stream(gemtap.port, number / streams))
                for _ in range(bodies):
                    clients.create_task(_upload(gemtap.port, body_mb * 10**6))
            probing.cancel()
        crowd.seconds = time.perf_counter() - began_at
        crowd.tap_peak = _held(gemtap, "peak")["tap"]
        await asyncio.to_thread(gemtap.settle)
        crowd.recorded_after = time.perf_counter() - began_at - crowd.seconds
        crowd.peak = _held(gemtap, "peak")
        if lost := gemtap.lost():
            raise RuntimeError(f"{lost} captures are lost: see {gemtap.log}")
    return crowd


def _held(gemtap: Gemtap, when: str) -> dict[str, float]:
    return {part: getattr(memory(pid), when) for part, pid in gemtap.processes.items()}


def _head(target: str, size: int) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Length: {size}", "Connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in HEADERS.items()), "\r\n"]).encode()


async def _post(port: int, target: str, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_head(target, len(body)) + body)
    answer = await reader.read(-1)
    writer.close()
    return answer


async def _stream(port: int, delay: float) -> None:
    await asyncio.sleep(delay)
    answer = await _post(port, STREAM, request_body())
    if answer.count(b"data: ") != CHUNKS:
        raise RuntimeError(f"a stream has {answer.count(b'data: ')} chunks: {answer[:300]!r}")


async def _upload(port: int, size: int) -> None:
    """Send a JSON body with one long text, like a body with an inline file."""
    before, after = b'{"contents":[{"parts":[{"inlineData":{"mimeType":"a/b","data":"', b'"}}]}]}'
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_head(GENERATE, len(before) + size + len(after)) + before)
    for at in range(0, size, len(_PIECE)):
        writer.write(_PIECE[: size - at])
        await writer.drain()
    writer.write(after)
    answer = await reader.read(-1)
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"an upload was answered with {answer[:300]!r}")


async def _probe(port: int, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        began_at = time.perf_counter()
        writer.write(_HEALTH)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        times.append((time.perf_counter() - began_at) * 1000)
        await asyncio.sleep(_PROBE_EVERY)


def report(crowd: Crowd) -> str:
    """The results as Markdown."""
    rows = [
        [part, f"{crowd.idle[part]:.0f} MB", f"{crowd.peak[part]:.0f} MB", f"{crowd.peak[part] / crowd.idle[part]:.1f}"]
        for part in crowd.idle
    ]
    cuts = statistics.quantiles(crowd.probes, n=1000)
    return (
        f"{crowd.streams:,} streams of {CHUNKS} chunks and {crowd.bodies} JSON requests of {crowd.body_mb} MB at once "
        f"through one tap, captured and recorded in SQLite: {crowd.seconds:.0f} s until all were answered, "
        f"{crowd.recorded_after:.0f} s more until all were recorded.\n\n"
        f"{table(['process', 'memory before', 'peak memory', 'ratio'], rows)}\n\n"
        f"The peak of the tap was {crowd.tap_peak:.0f} MB when all were answered. A probe sent it the smallest request "
        f"a hundred times a second meanwhile, and got the response in {cuts[499]:.1f} ms (median; p99 "
        f"{cuts[989]:.1f} ms, maximum {max(crowd.probes):.0f} ms of {len(crowd.probes):,}): no pause of the event loop "
        "was longer. The probe, the upstream and the recorder share the cores with it."
    )


def main() -> None:
    """Measure, print and update the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--bodies", type=int, default=20, help="large requests")
    parser.add_argument("--body-mb", type=int, default=100, help="the size of each")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        crowd = asyncio.run(
            measure(Path(folder), streams=options.streams, bodies=options.bodies, body_mb=options.body_mb)
        )
    text = report(crowd)
    print(text)
    write_between_markers(options.page, text, part="bench-crowd")


if __name__ == "__main__":
    main()
