"""Interception, TLS both ways, beside mitmproxy in one run: `python -m bench.interception`. Takes a minute, on Linux.

One client sends the same request through each proxy with `CONNECT`, to a host of the Gemini API whose upstream is a TLS
server on this machine: over one connection, over 32, and over a new connection each time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.gemtap import running_gemtap
from bench.processes import accepts_connections, free_port, running, wait_until
from gemtap.tls import Certificate, local_certificate

HOST: Final = "generativelanguage.googleapis.com"
_BODY: Final = json.dumps({"contents": [{"parts": [{"text": "hello " * 100}]}]}).encode()
_ANSWER: Final = json.dumps({"candidates": [{"content": {"parts": [{"text": "world " * 200}]}}]}).encode()
_REQUEST: Final = (
    f"POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1\r\nHost: {HOST}\r\nx-goog-api-key: bench\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
).encode() + _BODY
_RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_ANSWER)
) + _ANSWER

Way = tuple[str, int, Path]
"""A name, the port to connect to, and the file of the authority to trust. Without a name, the upstream itself."""


async def serve(port: int, certificate: Certificate) -> None:
    """The upstream: answers every request alike."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.partition(b":")[2]))
                writer.write(_RESPONSE)
        except (asyncio.IncompleteReadError, OSError, StopIteration):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, ssl=context, backlog=512)
    await server.serve_forever()


class Connection:
    """A client's connection, through a proxy unless it is direct."""

    def __init__(self, way: Way, context: ssl.SSLContext) -> None:
        self._name, self._port, _ = way
        self._context = context

    async def open(self) -> None:
        """Connect, with CONNECT and TLS."""
        if self._name == "direct":
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._context, server_hostname=HOST
            )
            return
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0] + b" ", head
        await self._writer.start_tls(self._context, server_hostname=HOST)

    async def ask(self) -> float:
        """One request. Returns its seconds."""
        began = time.perf_counter()
        self._writer.write(_REQUEST)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 200 " in head.split(b"\r\n")[0], head
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
        await self._reader.readexactly(int(length.partition(b":")[2]))
        return time.perf_counter() - began

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def measure(way: Way, seconds: float) -> tuple[float, float, float, float]:
    """Milliseconds of a request at the median and at the 99th percentile, requests and connections per second."""
    context = ssl.create_default_context(cafile=way[2])
    one = Connection(way, context)
    await one.open()
    for _ in range(50):
        await one.ask()
    alone = await _repeat(one.ask, seconds)
    one.close()

    many = [Connection(way, context) for _ in range(32)]
    for each in many:
        await each.open()
    counts = await asyncio.gather(*(_repeat(each.ask, seconds) for each in many))
    for each in many:
        each.close()

    async def once() -> float:
        new = Connection(way, context)
        await new.open()
        taken = await new.ask()
        new.close()
        return taken

    opened = await _repeat(once, seconds)
    p99 = sorted(alone)[int(len(alone) * 0.99)]
    return statistics.median(alone) * 1e3, p99 * 1e3, sum(map(len, counts)) / seconds, len(opened) / seconds


async def _repeat(ask: Callable[[], object], seconds: float) -> list[float]:
    until, taken = time.perf_counter() + seconds, []
    while time.perf_counter() < until:
        taken.append(await ask())  # type: ignore[misc]
    return taken


@contextmanager
def upstream(folder: Path) -> Iterator[tuple[int, Certificate]]:
    """The TLS server, as a process of its own."""
    port = free_port()
    made = local_certificate(folder / "upstream", [HOST])
    command = [sys.executable, "-m", "bench.interception", "--serve", str(port), "--folder", str(folder)]
    with running(command, folder / "upstream.log"):
        wait_until("the upstream", lambda: accepts_connections(port))
        yield port, made


@contextmanager
def gemtap(folder: Path, port: int, authority: Path) -> Iterator[Way]:
    """`gemtap serve`, whose upstream is the TLS server."""
    os.environ["SSL_CERT_FILE"] = str(authority)
    try:
        with running_gemtap(folder, port, "--upstream", f"gemini=https://localhost:{port}") as started:
            shown = subprocess.run(
                [sys.executable, "-m", "gemtap", "ca", "show", "--data-dir", str(started.data_dir)],
                capture_output=True,
                text=True,
                check=True,
            )
            yield "Gemtap", started.port, Path(shown.stdout.splitlines()[0].split()[1])
    finally:
        del os.environ["SSL_CERT_FILE"]


@contextmanager
def mitmdump(folder: Path, port: int, authority: Path) -> Iterator[Way]:
    """`mitmdump -w`, which writes every exchange to a file."""
    program = Path(sys.prefix) / "peers/mitmproxy/bin/mitmdump"
    own = free_port()
    command = [str(program), "--quiet", "--listen-host", "127.0.0.1", "--listen-port", str(own)]
    command += ["-w", str(folder / "flows"), "--set", f"confdir={folder}", "--set", "connection_strategy=lazy"]
    command += ["--set", f"ssl_verify_upstream_trusted_ca={authority}"]
    command += ["--map-remote", f"|//{HOST}/|//localhost:{port}/"]
    with running(command, folder / "mitmdump.log"):
        wait_until("mitmdump", lambda: accepts_connections(own))
        wait_until("its authority", (folder / "mitmproxy-ca-cert.pem").exists)
        yield "mitmdump", own, folder / "mitmproxy-ca-cert.pem"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.interception", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="how long each measurement takes")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve, local_certificate(options.folder / "upstream", [HOST])))
        return
    results: dict[str, list[tuple[float, float, float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-", dir=options.folder) as made_here:
        folder = Path(made_here)
        for number in range(options.rounds):
            here = folder / str(number)
            with upstream(_made(here)) as (port, made):
                assert made.authority is not None
                found = asyncio.run(measure(("direct", port, made.authority), options.seconds))
                results.setdefault("direct", []).append(found)
                for start in (gemtap, mitmdump):
                    with start(_made(here / start.__name__), port, made.authority) as way:
                        results.setdefault(way[0], []).append(asyncio.run(measure(way, options.seconds)))
    print(f"Load before: {os.getloadavg()[2]:.1f}. Medians of {options.rounds} rounds.\n")
    print("| in between | p50, 1 connection | p99 | requests/s, 32 connections | new connections/s |")
    print("|---|---|---|---|---|")
    for name, rounds in results.items():
        p50, p99, rate, opened = (statistics.median(each) for each in zip(*rounds, strict=True))
        print(f"| {name} | {p50:.2f} ms | {p99:.2f} ms | {rate:,.0f} | {opened:,.0f} |")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
