"""Size and read latency of months of agent traffic: `python -m bench.storage`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import zstandard
from bson import ObjectId
from pymongo import MongoClient

from bench.agents import BYTES_A_TOKEN, SEED, TOKENS_A_MONTH, Exchange, capture_of, long_request, traffic
from bench.page import table, write_between_markers
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.spool import SUFFIX, Spool
from gemtap.dialects.cut_points import cut_points
from gemtap.interaction import Side
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.mongo import MongoStore
from gemtap.stores.paging import page_of
from gemtap.stores.query.parsing import parse
from gemtap.stores.sqlite import SqliteStore
from gemtap.stores.sqlite.store import open_database
from gemtap.stores.sqlite.upkeep import upkeep_step
from tests.mongod import Mongod

_BACKLOG: Final = 64 * 2**20
"""Maximum size of captures in the backlog, in bytes."""

_LONG_REQUEST: Final = 3_000_000
"""700,000 tokens, in bytes."""

_SEARCHES: Final = ("import", "unicodedata", '"not found"', "import model:gemini-2.5-pro", "tokens:>100k")

_SIDES: Final[tuple[Side, ...]] = ("request", "response")
_BODIES: Final = ("packs", "pieces", "counters")


class Limit:
    """The theoretical limit: each distinct message once, in order of arrival, in one zstd -19 archive."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=19).compressobj()
        self._seen: set[bytes] = set()
        self.distinct = 0
        self.bytes = 0

    def add(self, exchange: Exchange) -> None:
        """Add the messages, tools and system instruction of the request, the bytes between them, and the response."""
        cuts = cut_points(exchange.request)
        pieces = [
            exchange.request[start:end] for start, end in zip([0, *cuts], [*cuts, len(exchange.request)], strict=True)
        ]
        for piece in [*pieces, exchange.response]:
            digest = _digest(piece)
            if digest not in self._seen:
                self._seen.add(digest)
                self.distinct += len(piece)
                self.bytes += len(self._compressor.compress(piece))

    def finish(self) -> None:
        """Add the remaining output of the compressor."""
        self.bytes += len(self._compressor.flush())


@dataclass
class Storage:
    """The results."""

    months: float
    raw: int = 0
    requests: int = 0
    resent: int = 0
    exchanges: int = 0
    sessions: set[int] = field(default_factory=set)
    recording_s: float = 0.0
    recording_cpu_s: float = 0.0
    upkeep_s: float = 0.0
    limit: int = 0
    distinct: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    file: int = 0
    read_back: int = 0
    read_back_s: float = 0.0
    faults: int = 0
    long_cold: list[float] = field(default_factory=list)
    long_warm: list[float] = field(default_factory=list)
    reads: dict[str, list[float]] = field(default_factory=dict)
    mongodb: int | None = None
    mongodb_indexes: int = 0

    @property
    def bodies(self) -> int:
        """Bytes of bodies in SQLite, including the indexes and lists needed to read them."""
        return sum(self.tables.get(name, 0) for name in _BODIES)


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()


async def measure(folder: Path, months: float, *, with_mongodb: bool) -> Storage:
    """Record the traffic in SQLite, measure the result, and store the same traffic in MongoDB. Raises SystemExit."""
    seen = Storage(months)
    path = folder / "gemtap.db"
    digests = await _record(folder, path, seen)
    _finish_upkeep(path, seen)
    _look_at_file(path, seen)
    await _read(path, digests, seen)
    if with_mongodb:
        await _in_mongodb(folder, seen)
    return seen


async def _record(folder: Path, path: Path, seen: Storage) -> dict[ObjectId, tuple[bytes, bytes]]:
    """Record captures with the real recorder. Returns the hashes of both bodies by id."""
    spool = Spool(folder / "spool")
    spool.create()
    store = SqliteStore(path)
    await store.open()
    recorder = Recorder(spool, store, PROVIDERS, SpoolLimits(2**40, 0))
    limit = Limit()
    digests: dict[ObjectId, tuple[bytes, bytes]] = {}
    for backlog in _backlogs(_exchanges(seen)):
        for exchange in backlog:
            limit.add(exchange)
            id_ = ObjectId()
            (spool.ready / f"{id_}{SUFFIX}").write_bytes(capture_of(exchange))
            digests[id_] = _digest(exchange.request), _digest(exchange.response)
        began, cpu = time.perf_counter(), time.process_time()
        recorded = await recorder.drain()
        seen.recording_s += time.perf_counter() - began
        # Includes maintenance, which runs concurrently.
        seen.recording_cpu_s += time.process_time() - cpu
        if recorded != len(backlog):
            raise SystemExit(f"{len(backlog) - recorded} captures were not recorded: see {spool.failed}")
    await store.close()
    limit.finish()
    seen.limit, seen.distinct = limit.bytes, limit.distinct
    return digests


def _exchanges(seen: Storage) -> Iterator[Exchange]:
    """The traffic, counted, followed by one long request."""
    for exchange in traffic(seen.months):
        seen.exchanges += 1
        seen.sessions.add(exchange.session)
        seen.requests += len(exchange.request)
        seen.resent += exchange.resent
        seen.raw += len(exchange.request) + len(exchange.response)
        yield exchange
    exchange = long_request(_LONG_REQUEST)
    seen.exchanges += 1
    seen.raw += len(exchange.request) + len(exchange.response)
    yield exchange


def _backlogs(exchanges: Iterable[Exchange]) -> Iterator[list[Exchange]]:
    backlog: list[Exchange] = []
    size = 0
    for exchange in exchanges:
        backlog.append(exchange)
        size += len(exchange.request)
        if size > _BACKLOG:
            yield backlog
            backlog, size = [], 0
    if backlog:
        yield backlog


def _finish_upkeep(path: Path, seen: Storage) -> None:
    began = time.perf_counter()
    with contextlib.closing(open_database(path)) as connection:
        while upkeep_step(connection):
            pass
    seen.upkeep_s = time.perf_counter() - began


def _look_at_file(path: Path, seen: Storage) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # Indexes are counted with their tables. The shadow tables of an FTS5 table are listed separately.
        seen.tables = dict(
            connection.execute(
                "SELECT coalesce(tbl_name, name), sum(pgsize) FROM dbstat LEFT JOIN sqlite_master USING (name)"
                " GROUP BY 1 ORDER BY 2 DESC"
            ).fetchall()
        )
    seen.file = path.stat().st_size


async def _read(path: Path, digests: Mapping[ObjectId, tuple[bytes, bytes]], seen: Storage) -> None:
    store = SqliteStore(path)
    await store.open()
    began = time.perf_counter()
    for id_, wanted in digests.items():
        for side, digest in zip(_SIDES, wanted, strict=True):
            raw = await store.raw(id_, side)
            if raw is None or _digest(raw) != digest:
                raise SystemExit(f"The {side} of {id_} is not what was sent")
            seen.read_back += 1
    seen.read_back_s = time.perf_counter() - began
    seen.faults = len([fault async for fault in store.maintenance.check()])
    *_, long_id = digests
    seen.long_warm = await _times(50, lambda: store.raw(long_id, "request"))
    now = datetime.now(UTC)
    for query in ("", *_SEARCHES):
        name = f"a page of `{query}`" if query else "a page of the list, 50 interactions"
        seen.reads[name] = await _times(100, lambda query=query: page_of(store, parse(query, now), limit=50))  # type: ignore[misc]
    seen.reads["a page of 50 threads"] = await _times(100, lambda: store.threads(Filter(), limit=50))
    seen.reads["statistics of everything by day and model, first request"] = await _times(1, lambda: _by_day(store))
    seen.reads["the same, repeated"] = await _times(50, lambda: _by_day(store))
    await store.close()
    for _ in range(20):
        # A newly opened store has no packs in its cache.
        store = SqliteStore(path)
        await store.open()
        await page_of(store, Filter(), limit=1)
        seen.long_cold += await _times(1, lambda store=store: store.raw(long_id, "request"))  # type: ignore[misc]
        await store.close()


async def _by_day(store: Store) -> object:
    return await store.statistics(Filter(), bucket="day", by="model")


async def _times(count: int, work: Callable[[], Awaitable[Any]]) -> list[float]:
    """Milliseconds of each run."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1000)
    return times


async def _in_mongodb(folder: Path, seen: Storage) -> None:
    mongod = Mongod(folder / "mongod")
    mongod.start()
    try:
        url = f"{mongod.url}/storage"
        store = MongoStore(url, url)
        await store.open()
        batch: list[Record] = []
        for exchange in _exchanges(Storage(seen.months)):
            now = datetime.now(UTC)
            batch.append(assemble(capture_of(exchange), id=ObjectId(), recorded_at=now, providers=PROVIDERS))
            if len(batch) == 50:
                await _put(store, batch)
        await _put(store, batch)
        await store.close()
        client: MongoClient[dict[str, Any]] = MongoClient(mongod.url)
        with client:
            client.admin.command("fsync")
            told = client["storage"].command("dbStats")
        seen.mongodb, seen.mongodb_indexes = int(told["storageSize"]), int(told["indexSize"])
    finally:
        mongod.stop()


async def _put(store: Store, batch: list[Record]) -> None:
    await store.put(batch)
    batch.clear()


def report(seen: Storage) -> str:
    """The results as Markdown."""
    raw, limit, bodies = seen.raw, seen.limit, seen.bodies
    search = sum(size for name, size in seen.tables.items() if name.startswith("search"))
    rest = seen.file - bodies - search

    def row(name: str, size: int) -> list[str]:
        return [name, f"{size:,}", f"{size / raw:.2%}", f"{size / limit:.2f}"]

    rows = [
        row("raw bodies", raw),
        row("each distinct message once", seen.distinct),
        row("the same in one zstd -19 archive: the limit", limit),
        row("bodies in SQLite", bodies),
        row("search index in SQLite", search),
        row("everything else in SQLite: documents, indexes, free pages", rest),
        row("the whole SQLite file", seen.file),
    ]
    if seen.mongodb is not None:
        rows.append(row("MongoDB 6.0, documents", seen.mongodb))
        rows.append(row("MongoDB 6.0, indexes", seen.mongodb_indexes))
    largest = ", ".join(f"`{name}` {size:,}" for name, size in list(seen.tables.items())[:8])
    reads = [[name, _percentiles(times)] for name, times in seen.reads.items()]
    return (
        f"{seen.months:g} × {TOKENS_A_MONTH / 1e6:g} million tokens ({BYTES_A_TOKEN} bytes each) by simulated "
        f"agents, seed {SEED}, Python {sys.version.split()[0]}: {seen.exchanges:,} exchanges in {len(seen.sessions)} "
        f"sessions, {seen.resent / seen.requests:.1%} of the requests' bytes re-sent from earlier in the session.\n\n"
        f"{table(['', 'bytes', 'of raw', '÷ limit'], rows)}\n\n"
        f"Tables with their indexes, the largest: {largest}.\n\n"
        f"- Read back and compared by hash: {seen.read_back:,} bodies, all byte-exact, "
        f"{raw / seen.read_back_s / 1e6:.0f} MB/s; `gemtap check` finds {seen.faults} faults.\n"
        "- Recording from captures, including parsing, threads, search index and disk: "
        f"{raw / seen.recording_s / 1e6:.1f} MB/s, "
        f"{seen.exchanges / seen.recording_s:.0f} interactions/s; per second of CPU time, including maintenance, "
        f"{raw / seen.recording_cpu_s / 1e6:.1f} MB. Maintenance left at the end: {seen.upkeep_s:.0f} s.\n"
        f"- A request of {_LONG_REQUEST / 1e6:g} MB (700,000 tokens) is read in {_percentiles(seen.long_cold)} from a "
        f"newly opened store, in {_percentiles(seen.long_warm)} afterwards.\n\n"
        f"{table(['read from SQLite', 'p50, p95'], reads)}"
    )


def _percentiles(times: list[float]) -> str:
    if len(times) == 1:
        return f"{times[0]:.1f} ms"
    ranks = statistics.quantiles(times, n=20)
    return f"{statistics.median(times):.1f} ms, {ranks[18]:.1f} ms"


def main() -> None:
    """Measure, print and update the section of the page. Exit status 1 if any body differs from the original."""
    parser = argparse.ArgumentParser(prog="python -m bench.storage", description=__doc__)
    parser.add_argument("--months", type=float, default=1, help="how much traffic")
    parser.add_argument("--no-mongodb", action="store_true", help="SQLite alone")
    parser.add_argument("--part", default="bench-storage", help="which part of the page")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        seen = asyncio.run(measure(Path(folder), options.months, with_mongodb=not options.no_mongodb))
    text = report(seen)
    print(text)
    write_between_markers(options.page, text, part=options.part)
    sys.exit(seen.faults > 0)


if __name__ == "__main__":
    main()
