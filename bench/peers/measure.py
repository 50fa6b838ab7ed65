"""The measurements of all proxies, which run at the same time and take turns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bench.contender import Contender
from bench.gemtap import Gemtap
from bench.measure import asyncio_upstream
from bench.nginx import answering_nginx
from bench.peers.field import Entry, NotHere
from bench.peers.kept import Kept, kept_by
from bench.processes import memory
from bench.readers import read_streams
from bench.samples import Samples
from bench.traffic import request_body
from bench.wrk import run_wrk

STREAMS: Final = 100
_WARM_UP: Final = 1
_BEFORE_STREAMS: Final = 0.02
"""Seconds until a stream begins. Go's proxies break off one that begins before they saw the end of the request."""


@dataclass
class Results:
    """What was measured, by the names of the proxies."""

    samples: Samples = field(default_factory=Samples)
    kept: dict[str, Kept] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    """Why a proxy has no figures, or not all."""


class GemtapFailed(Exception):
    """Gemtap lost captures or could not be measured, so that a comparison with it is worth nothing."""


def measure_requests(folder: Path, entries: Sequence[Entry], results: Results, *, rounds: int, seconds: int) -> None:
    """Requests at the maximum rate over 1 and 32 connections, CPU time and memory. Raises GemtapFailed."""
    folder.mkdir()
    body = folder / "request.json"
    body.write_bytes(request_body())

    def measure(contender: Contender, connections: int) -> None:
        before = sum(contender.cpu().values())
        load = run_wrk(contender.port, body, connections=connections, seconds=seconds, prefix=contender.prefix)
        contender.settle()
        used = sum(contender.cpu().values()) - before
        for figure, value in (("p50", load.p50_ms), ("p99", load.p99_ms), ("requests/s", load.per_second)):
            results.samples.add(f"{figure}, {connections}", contender.name, value)
        results.samples.add(f"cpu, {connections}", contender.name, used / load.requests * 1e6)

    with answering_nginx(folder / "upstream") as upstream, _started(folder, entries, upstream, results) as contenders:
        for contender in contenders:
            _try(results, contender, partial(_warm_up, contender, body))
        for round_ in range(rounds):
            for connections in (1, 32):
                for contender in contenders:
                    _say(f"round {round_ + 1}: requests over {connections} connections, {contender.name}")
                    _try(results, contender, partial(measure, contender, connections))
        for contender in contenders:
            _try(results, contender, partial(_note_memory, contender, results))


def measure_streams(folder: Path, entries: Sequence[Entry], results: Results, *, rounds: int) -> None:
    """Streams that are read as they are written, and before them what each proxy keeps. Raises GemtapFailed."""
    folder.mkdir()

    def keep(contender: Contender) -> None:
        results.kept[contender.name] = kept_by(contender)

    def measure(contender: Contender) -> None:
        readings = read_streams(contender.port, STREAMS, contender.prefix)
        contender.settle()
        results.samples.add("chunk p50", contender.name, readings.chunk_p50)
        results.samples.add("chunk p99", contender.name, readings.chunk_p99)

    with (
        asyncio_upstream(folder, delay=_BEFORE_STREAMS) as upstream,
        _started(folder, entries, upstream, results) as contenders,
    ):
        for contender in contenders:
            _say(f"what is kept, {contender.name}")
            _try(results, contender, partial(keep, contender))
        for round_ in range(rounds):
            for contender in contenders:
                _say(f"round {round_ + 1}: {STREAMS} streams, {contender.name}")
                _try(results, contender, partial(measure, contender))


def _warm_up(contender: Contender, body: Path) -> None:
    run_wrk(contender.port, body, connections=4, seconds=_WARM_UP, prefix=contender.prefix)
    contender.settle()


def _note_memory(contender: Contender, results: Results) -> None:
    pids = contender.processes.values()
    if pids:
        results.samples.add("memory", contender.name, sum(memory(pid).now for pid in pids))
    if isinstance(contender, Gemtap) and (lost := contender.lost()):
        raise GemtapFailed(f"{lost} captures are lost: see {contender.log}")


@contextmanager
def _started(folder: Path, entries: Sequence[Entry], upstream: int, results: Results) -> Iterator[list[Contender]]:
    """Start all that can run here, each in a folder of its own. Notes why others cannot."""
    with ExitStack() as stack:
        contenders = []
        for number, entry in enumerate(entries):
            _say(f"starting {entry.name}")
            own = folder / f"proxy-{number}"
            own.mkdir()
            try:
                contenders.append(stack.enter_context(entry.start(own, upstream)))
            except (NotHere, TimeoutError) as exc:
                results.troubles[entry.name] = str(exc)
        yield contenders


def _try(results: Results, contender: Contender, measure: Callable[[], None]) -> None:
    """Measure, and note instead of raising what a peer cannot do."""
    if contender.name in results.troubles:
        return
    try:
        measure()
    except (RuntimeError, OSError, subprocess.SubprocessError) as exc:
        if isinstance(contender, Gemtap):
            raise GemtapFailed(str(exc)) from exc
        results.troubles[contender.name] = str(exc).splitlines()[0].rstrip(".")


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)
