"""The measurements. All contenders take turns, so that other load on the machine affects them equally."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.backlog import backlog
from bench.contender import Contender
from bench.gemtap import Gemtap, Kept, kept_by, running_gemtap, start_up_seconds
from bench.nginx import answering_nginx, proxying_nginx
from bench.processes import accepts_connections, free_port, memory, running, wait_until
from bench.readers import Readings, read_streams
from bench.samples import Samples
from bench.traffic import large_request_body, request_body
from bench.uploads import upload_ms
from bench.wrk import run_wrk

ROUNDS: Final = 3
SECONDS: Final = {1: 3, 32: 3}
"""Duration of wrk in seconds, by the number of connections."""
STREAMS: Final = (100, 1000)
BACKLOG: Final = 20_000
"""Captures that are recorded while streams are read."""
BACKLOG_STREAMS: Final = 100
BACKLOG_ROUNDS: Final = 2
UPLOADS: Final = 20
STARTS: Final = 3


class NotKept(Exception):
    """Gemtap did not record everything that it forwarded, so the figures are invalid."""


def measure_requests(folder: Path, samples: Samples, rounds: int = ROUNDS) -> Kept:
    """Complete requests, at the maximum rate. Raises NotKept."""
    folder.mkdir()
    body = folder / "request.json"
    body.write_bytes(request_body())
    answered = cut_off = 0
    with answering_nginx(folder / "upstream") as upstream, comparing(folder, upstream) as contenders:
        for round_ in range(rounds):
            for connections, seconds in SECONDS.items():
                for contender in contenders:
                    _say(f"round {round_ + 1}: requests over {connections} connections, {contender.name}")
                    before = contender.cpu()
                    load = run_wrk(contender.port, body, connections=connections, seconds=seconds)
                    recorded_per_second = contender.settle()
                    samples.add(f"requests/s, {connections}", contender.name, load.per_second)
                    samples.add(f"p50, {connections}", contender.name, load.p50_ms)
                    samples.add(f"p99, {connections}", contender.name, load.p99_ms)
                    for part, used in contender.cpu().items():
                        samples.add(f"cpu, {connections}", part, (used - before[part]) / load.requests * 1e6)
                    if recorded_per_second is not None:
                        samples.add("recorded/s", contender.name, recorded_per_second)
                    if isinstance(contender, Gemtap):
                        answered += load.requests
                        cut_off += connections
        gemtap = _note_memory(contenders, "requests", samples)
    return _checked(gemtap, answered, answered + cut_off)


def measure_streams(folder: Path, samples: Samples, rounds: int = ROUNDS) -> Kept:
    """Streams that are read as they are written, and large requests. Raises NotKept."""
    folder.mkdir()
    body = large_request_body()
    with asyncio_upstream(folder) as upstream, comparing(folder, upstream) as contenders:
        for round_ in range(rounds):
            for contender in contenders:
                _say(f"round {round_ + 1}: uploads, {contender.name}")
                samples.add("upload", contender.name, upload_ms(contender.port, body, UPLOADS))
                contender.settle()
            for streams in STREAMS:
                for contender in contenders:
                    _say(f"round {round_ + 1}: {streams} streams, {contender.name}")
                    readings = read_streams(contender.port, streams)
                    contender.settle()
                    _add_readings(samples, str(streams), contender, readings)
        gemtap = _note_memory(contenders, "streams", samples)
    exchanges = rounds * (UPLOADS + sum(STREAMS))
    return _checked(gemtap, exchanges, exchanges)


def measure_backlog(folder: Path, samples: Samples, rounds: int = BACKLOG_ROUNDS, captures: int = BACKLOG) -> Kept:
    """Streams of each contender while Gemtap's desk records a backlog. Raises NotKept."""
    folder.mkdir()
    body = folder / "request.json"
    body.write_bytes(request_body())
    least = most = 0
    with asyncio_upstream(folder) as upstream, comparing(folder, upstream) as contenders:
        *others, gemtap = contenders
        for round_ in range(rounds):
            _say(f"round {round_ + 1}: a backlog of {captures:,}")
            with backlog(gemtap, body, captures) as sent:
                for contender in (gemtap, *others):
                    _say(f"round {round_ + 1}: {BACKLOG_STREAMS} streams beside the backlog, {contender.name}")
                    readings = read_streams(contender.port, BACKLOG_STREAMS)
                    _add_readings(samples, "backlog", contender, readings)
            least += sent.answered + BACKLOG_STREAMS
            most += sent.answered + sent.cut_off + BACKLOG_STREAMS
            gemtap.settle()
        _note_memory(contenders, "backlog", samples)
    return _checked(gemtap, least, most)


def _add_readings(samples: Samples, where: str, contender: Contender, readings: Readings) -> None:
    for figure, value in (
        ("first byte p50", readings.first_byte_p50),
        ("first byte p99", readings.first_byte_p99),
        ("chunk p50", readings.chunk_p50),
        ("chunk p99", readings.chunk_p99),
    ):
        samples.add(f"{figure}, {where}", contender.name, value)


def measure_start_up(folder: Path, samples: Samples) -> None:
    """From the command to the first response."""
    folder.mkdir()
    for number in range(STARTS):
        _say(f"start {number + 1}")
        start = folder / str(number)
        start.mkdir()
        samples.add("start-up", "gemtap", start_up_seconds(start, free_port()))


@contextmanager
def comparing(folder: Path, upstream: int) -> Iterator[tuple[Contender, Contender, Gemtap]]:
    """Run nginx and Gemtap in front of the upstream. Yields no proxy, nginx and Gemtap."""
    with proxying_nginx(folder / "nginx", upstream) as (port, pid), running_gemtap(folder, upstream) as gemtap:
        yield Contender("direct", upstream), Contender("nginx", port, {"nginx": pid}), gemtap


@contextmanager
def asyncio_upstream(folder: Path, *, delay: float = 0.0) -> Iterator[int]:
    """Run the upstream of streams and uploads, which answers after `delay` seconds. Yields its port."""
    port = free_port()
    with running([sys.executable, "-m", "bench.upstream", str(port), str(delay)], folder / "upstream.log"):
        wait_until("the upstream", lambda: accepts_connections(port))
        yield port


def _note_memory(contenders: tuple[Contender, Contender, Gemtap], after: str, samples: Samples) -> Gemtap:
    """Sample the memory of every part. Returns Gemtap. Raises NotKept if it has lost captures."""
    *_, gemtap = contenders
    for contender in contenders:
        for part, pid in contender.processes.items():
            held = memory(pid)
            samples.add(f"memory after {after}", part, held.now)
            samples.add(f"peak memory, {after}", part, held.peak)
    if lost := gemtap.lost():
        raise NotKept(f"{lost} captures are lost: see {gemtap.log}")
    return gemtap


def _checked(gemtap: Gemtap, least: int, most: int) -> Kept:
    kept = kept_by(gemtap)
    _say(f"{kept.interactions} interactions are in the store, {least} requests were answered, {most} begun at most")
    if not least <= kept.interactions <= most:
        raise NotKept(f"{kept.interactions} interactions are in the store, not {least} to {most}")
    return kept


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)
