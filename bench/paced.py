"""Requests at a constant rate, as a process: `python -m bench.paced PORT RATE SECONDS`.

Prints one line of JSON: the 50th and 99th percentile in milliseconds, from when a request was due to the last byte of
its response, so that a request that had to wait for a connection counts with its waiting.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import uvloop

from bench.traffic import GENERATE, HEADERS, request_body

_CONNECTIONS: Final = 16


@dataclass
class Paced:
    """The results of a run, once it is over."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0


@contextmanager
def paced(port: int, rate: int, seconds: float) -> Iterator[Paced]:
    """Send requests meanwhile. The results are there when the context ends. Raises CalledProcessError."""
    results = Paced()
    command = [sys.executable, "-m", "bench.paced", str(port), str(rate), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield results
        output, _ = process.communicate(timeout=seconds + 60)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    results.p50_ms, results.p99_ms = json.loads(output)


async def _send(port: int, rate: int, seconds: float) -> list[float]:
    body = request_body()
    head = [f"POST {GENERATE} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in HEADERS.items()]
    request = "\r\n".join([*head, "\r\n"]).encode("ascii") + body
    dues: asyncio.Queue[float | None] = asyncio.Queue()
    times: list[float] = []

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (due := await dues.get()) is not None:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer.partition(b"\r\n")[0]:
                raise RuntimeError(f"a request was answered with {answer[:300]!r}")
            lengths = (line[15:] for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(next(lengths)))
            times.append((time.monotonic() - due) * 1000)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(work())
        start = time.monotonic()  # the loop's own clock counts milliseconds
        for number in range(round(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            dues.put_nowait(due)
        for _ in range(_CONNECTIONS):
            dues.put_nowait(None)
    return times


if __name__ == "__main__":
    cuts = statistics.quantiles(uvloop.run(_send(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))), n=100)
    print(json.dumps([cuts[49], cuts[98]]))
