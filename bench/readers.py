"""Clients that read many streams concurrently, as a process: `python -m bench.readers PORT STREAMS [PREFIX]`.

Prints one line of JSON: see `Readings`. It must run on the machine of the upstream, since it compares the upstream's
send times with its own read times: CLOCK_MONOTONIC is the same for both.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final, cast

import uvloop

from bench.traffic import CHUNKS, HEADERS, STAMP_BYTES, STAMP_PATTERN, STREAM, request_body

_RAMP: Final = 1.0
"""Seconds over which streams start, so that their chunks are spread in time like those of many users."""

_STAMPS: Final = re.compile(STAMP_PATTERN)


@dataclass(frozen=True)
class Readings:
    """The results of a run, in milliseconds."""

    streams: int
    first_byte_p50: float
    first_byte_p99: float
    chunk_p50: float
    chunk_p99: float


def read_streams(port: int, streams: int, prefix: str = "") -> Readings:
    """Read this many streams concurrently in a separate process, `prefix` before their path.

    Raises CalledProcessError if any is incomplete.
    """
    command = [sys.executable, "-m", "bench.readers", str(port), str(streams), prefix]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout
    return Readings(**json.loads(result))


class Reader(asyncio.Protocol):
    """One client: connects, sends a request and reads the stream."""

    def __init__(self) -> None:
        self._tail = b""
        self._asked_at = 0
        self.first_byte: int | None = None
        """Nanoseconds from the request to the first chunk."""
        self.delays: list[int] = []
        """Nanoseconds from sending to reading, for each chunk."""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No isinstance: uvloop's transports do not inherit from asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> None:
        self._asked_at = time.monotonic_ns()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        text = self._tail + data
        end = 0
        for stamp in _STAMPS.finditer(text):
            if self.first_byte is None:
                self.first_byte = now - self._asked_at
            self.delays.append(now - int(stamp[1]))
            end = stamp.end()
        # A timestamp may be split between two reads.
        self._tail = text[max(end, len(text) - STAMP_BYTES + 1) :]
        if text.endswith(b"\r\n0\r\n\r\n"):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set_result(None)


async def _read(port: int, streams: int, prefix: str = "") -> Readings:
    loop = asyncio.get_running_loop()
    body = request_body()
    head = [f"POST {prefix}{STREAM} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in HEADERS.items()]
    request = "\r\n".join([*head, "\r\n"]).encode("ascii") + body
    # Connect all clients first, one after another, since only requests are timed.
    readers = [(await loop.create_connection(Reader, "127.0.0.1", port))[1] for _ in range(streams)]
    start = loop.time()
    for number, reader in enumerate(readers):
        loop.call_at(start + _RAMP * number / streams, reader.ask, request)
    await asyncio.gather(*(reader.over for reader in readers))
    return _summary(readers)


def _summary(readers: list[Reader]) -> Readings:
    if broken := [reader for reader in readers if len(reader.delays) != CHUNKS]:
        raise RuntimeError(f"{len(broken)} of {len(readers)} streams are not whole")
    first_bytes = _percentiles([reader.first_byte for reader in readers if reader.first_byte is not None])
    chunks = _percentiles([delay for reader in readers for delay in reader.delays])
    return Readings(len(readers), *first_bytes, *chunks)


def _percentiles(nanoseconds: list[int]) -> tuple[float, float]:
    """The 50th and 99th percentile, in milliseconds."""
    # A single stream has one first byte, and quantiles need two values.
    cuts = statistics.quantiles(nanoseconds * 2 if len(nanoseconds) == 1 else nanoseconds, n=100, method="inclusive")
    return cuts[49] / 1e6, cuts[98] / 1e6


if __name__ == "__main__":
    readings = uvloop.run(_read(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
    print(json.dumps(dataclasses.asdict(readings)))
