"""One run of `bench.recording`: records a fixed input, and prints as JSON what it cost."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from bson import ObjectId

from bench.agents import capture_of, traffic
from bench.corpus import sources
from bench.processes import cpu_seconds, family
from bench.traffic import GENERATE
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.events import Kind, read_events
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import TapFolder
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Filter
from gemtap.stores.opening import open_store
from gemtap.stores.sqlite.upkeep import Upkeep
from gemtap.workers import Workers, preload
from tests.captures import make_capture

INPUTS: Final = ("small", "agents")

_SEED: Final = 20260314
_RECEIVED: Final = 1_773_489_600.0
_MEMORY: Final = 4 * 2**30
_WORKERS: Final = 2
_FIRST: Final = 20


def captures(name: str, count: int) -> Iterator[bytes]:
    """The captures of an input, the same in every run."""
    return small(count) if name == "small" else map(capture_of, islice(traffic(), count))


def small(count: int, *, seed: int = _SEED) -> Iterator[bytes]:
    """Conversations of one turn with a request of about 2 KB and a response of about 3 KB, all different."""
    rng, lines = Random(seed), sources()
    for number in range(count):
        said = [_text(rng, lines, size) for size in (400, 500, 600, 300)]
        contents = [
            {"role": role, "parts": [{"text": text}]}
            for role, text in zip(("user", "model", "user"), said, strict=False)
        ]
        settings = {"temperature": 0.7, "topP": 0.95, "maxOutputTokens": 8192}
        request = {
            "systemInstruction": {"parts": [{"text": said[3]}]},
            "contents": contents,
            "generationConfig": settings,
        }
        answer = {
            "candidates": [
                {"content": {"parts": [{"text": _text(rng, lines, 2_600)}], "role": "model"}, "finishReason": "STOP"}
            ],
            "usageMetadata": {"promptTokenCount": 412, "candidatesTokenCount": 530, "totalTokenCount": 942},
            "modelVersion": "gemini-2.5-flash",
            "responseId": rng.randbytes(12).hex(),
        }
        yield make_capture(
            path=GENERATE.encode(),
            request=[(100, json.dumps(request).encode())],
            response=[(3_000, json.dumps(answer, indent=2).encode())],
            received=_RECEIVED + number / 50,
        )


def _text(rng: Random, lines: list[str], size: int) -> str:
    start = rng.randrange(len(lines) - 200)
    return "\n".join(lines[start : start + 200])[:size]


def fill(spool: Spool, waiting: Iterable[bytes]) -> int:
    """Write the captures into a journal, as a tap does, and return the bytes of their events."""
    tap = TapFolder(spool)
    size = 0
    for capture in waiting:
        size += len(capture)
        written = tap.capture(ObjectId())
        written.hold()
        for event in read_events(capture):
            written.write(Kind(event.kind), event.at, event.value)
        written.release()
        written.close()
    tap.close()
    return size


async def record(folder: Path, url: str, name: str, count: int, *, server: int | None) -> dict[str, Any]:
    """Record an input into an empty store. `server` is the process of a database, whose CPU time is counted apart.

    Raises SystemExit if not everything is recorded.
    """
    spool = Spool(folder / "spool")
    spool.create()
    store = open_store(url)
    workers = Workers(_WORKERS, memory=_MEMORY)
    try:
        await store.open()
        await workers.start()
        recorder = Recorder(spool, store, PROVIDERS, SpoolLimits(2**40, 0), None, workers)
        # The first ones import what is needed.
        fill(spool, small(_FIRST, seed=_FIRST))
        await recorder.drain()
        size = fill(spool, captures(name, count))
        before = _used(server)
        began_at = time.perf_counter()
        recorded = await recorder.drain()
        took = time.perf_counter() - began_at
        desk, workers_, database = (now - then for now, then in zip(_used(server), before, strict=True))
        if recorded != count or await store.count(Filter()) != _FIRST + count:
            raise SystemExit(f"{recorded} of {count} captures were recorded: see {spool.failed}")
    finally:
        await asyncio.to_thread(workers.close)
        await store.close()
    return {"count": count, "bytes": size, "seconds": took, "desk": desk, "workers": workers_, "database": database}


def _used(server: int | None) -> tuple[float, float, float]:
    """Seconds of CPU time of this process, of those that it has started, and of the server."""
    started = sum(cpu_seconds(pid) for pid in family(os.getpid())[1:])
    return time.process_time(), started, 0.0 if server is None else cpu_seconds(server)


def main() -> None:
    """Record and print. The arguments are those that `bench.recording` gives."""
    folder, url, name, count, server = sys.argv[1:]
    preload(["gemtap.desk.preloaded"])
    # As `gemtap.serving` does it in the desk.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # What compaction costs depends on when it happens to run.
    with patch.object(Upkeep, "wake"):
        found = asyncio.run(record(Path(folder), url, name, int(count), server=int(server) or None))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
