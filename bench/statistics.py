"""Lists and statistics with a year of traffic: `python -m bench.statistics`. Takes minutes, mostly to load the year."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

from bench.page import table, write_between_markers
from bench.year import BEGIN, DAYS, interactions
from gemtap.stores.base import Filter, Store
from gemtap.stores.mongo.documents import row_of
from gemtap.stores.opening import open_store
from gemtap.stores.paging import page_of
from gemtap.stores.sqlite.rows import columns
from gemtap.stores.sqlite.store import open_database
from tests.mongod import Mongod

_MONGODB_BODY: Final = 1_500
"""Size of a request's body in MongoDB, where documents include bodies, in bytes."""

_END: Final = BEGIN + timedelta(days=DAYS)
_DATABASE: Final = "year"
_BATCH: Final = 5_000


@dataclass
class Measured:
    """Results of one store."""

    name: str
    count: int
    loaded_s: float
    bytes: int
    times: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of each run, by query."""


def load_sqlite(path: Path, count: int) -> int:
    """Write a year into a new database, with the rows of `put` but without bodies, which lists and statistics never
    read.

    Indexes are created at the end, which is faster.
    """
    with closing(open_database(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'interactions' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in made:
            connection.execute(f"DROP INDEX {name}")
        documents = interactions(count)
        loaded = 0
        while batch := [
            columns(each) | {"request_form": "parsed", "response_form": "parsed"} for each in islice(documents, _BATCH)
        ]:
            names = ", ".join(batch[0])
            places = ", ".join(f":{name}" for name in batch[0])
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO interactions ({names}) VALUES ({places})", batch)
            connection.execute("COMMIT")
            loaded += len(batch)
        for _, sql in made:
            connection.execute(sql)
    return loaded


def load_mongodb(url: str, count: int) -> int:
    """Write a year with short bodies into the collection of an opened store."""
    loaded = 0
    with MongoClient[Any](url, w=1) as client:
        database = client.get_default_database()
        documents = interactions(count, body_bytes=_MONGODB_BODY)
        while batch := list(islice(documents, _BATCH)):
            database["gemini_interactions"].insert_many(batch, ordered=False)
            database["gemtap_rows"].insert_many([row_of(each) for each in batch], ordered=False)
            loaded += len(batch)
    return loaded


async def measure(store: Store, found: Measured, runs: int) -> None:
    """Time typical queries."""

    async def timed(name: str, ask: Callable[[], Awaitable[Any]], count: int = runs) -> None:
        times = found.times[name] = []
        for _ in range(count):
            began_at = time.perf_counter()
            await ask()
            times.append((time.perf_counter() - began_at) * 1000)

    half = (await page_of(store, Filter(until=BEGIN + timedelta(days=DAYS // 2)), limit=50)).next
    await timed("list, newest page of 50", lambda: page_of(store, Filter(), limit=50))
    await timed("list, a page in the middle of the year", lambda: page_of(store, Filter(), limit=50, cursor=half))
    await timed("list of one model", lambda: page_of(store, Filter(model="gemini-3-pro-preview"), limit=50))
    await timed("threads, newest page of 50", lambda: store.threads(Filter(), limit=50))
    second = (await store.threads(Filter(), limit=50)).next
    await timed("threads, second page", lambda: store.threads(Filter(), limit=50, cursor=second))
    await timed("threads of one client", lambda: store.threads(Filter(client="aider"), limit=50))
    await timed("threads by cost", lambda: store.threads(Filter(), limit=50, sort="cost"), 3)
    by_day = "the year by day and model"
    await timed(f"{by_day}, first request", lambda: store.statistics(Filter(), bucket="day", by="model"), 1)
    await timed(by_day, lambda: store.statistics(Filter(), bucket="day", by="model"))
    await store.statistics(Filter(), by="client")
    await timed("the year by month and client", lambda: store.statistics(Filter(), bucket="month", by="client"))
    month = Filter(since=_END - timedelta(days=30))
    await timed("30 days by hour and model", lambda: store.statistics(month, bucket="hour", by="model"), 5)
    week = Filter(since=_END - timedelta(days=7), model="gemini-2.5-pro")
    await timed("7 days of one model, by day and client", lambda: store.statistics(week, bucket="day", by="client"), 5)


async def measure_sqlite(folder: Path, count: int, runs: int) -> Measured:
    """Measure the year in SQLite."""
    path = folder / "year.db"
    began_at = time.perf_counter()
    loaded = await asyncio.to_thread(load_sqlite, path, count)
    found = Measured("SQLite", loaded, time.perf_counter() - began_at, path.stat().st_size)
    store = open_store(f"sqlite:///{path}")
    await store.open()
    await measure(store, found, runs)
    await store.close()
    return found


async def measure_mongodb(folder: Path, count: int, runs: int) -> Measured:
    """Measure the year in MongoDB."""
    mongod = Mongod(folder / "mongod")
    mongod.start()
    try:
        store = open_store(f"{mongod.url}/{_DATABASE}")
        await store.open()
        began_at = time.perf_counter()
        loaded = await asyncio.to_thread(load_mongodb, f"{mongod.url}/{_DATABASE}", count)
        seconds = time.perf_counter() - began_at
        found = Measured("MongoDB 6.0", loaded, seconds, (await store.maintenance.space(settled=True)).used)
        await measure(store, found, runs)
        await store.close()
    finally:
        mongod.stop()
    return found


def report(measured: Sequence[Measured], load: float) -> str:
    """The results as Markdown."""
    columns_of = [f"{each.name}, {which}" for each in measured for which in ("p50", "p95")]
    rows = [
        [name, *(shown for each in measured for shown in _percentiles(each.times[name]))] for name in measured[0].times
    ]
    sizes = "; ".join(
        f"{each.name}: {each.count:,} interactions, {each.bytes / 1e6:,.0f} MB, loaded in {each.loaded_s:.0f} s"
        for each in measured
    )
    return (
        f"A year of simulated agent traffic, the same in each run. {sizes}. SQLite has no bodies, which none of the "
        f"queries read; MongoDB has requests of {_MONGODB_BODY / 1000:g} KB in the documents. Milliseconds per call of "
        f"the store, in the calling process; {os.cpu_count()} cores, load average {load:.1f}.\n\n"
        f"{table(['', *columns_of], rows)}"
    )


def _percentiles(times: Sequence[float]) -> tuple[str, str]:
    if len(times) < 5:
        return f"{statistics.median(times):,.0f}", ""
    ordered = sorted(times)
    return f"{statistics.median(ordered):,.1f}", f"{ordered[round(len(ordered) * 0.95) - 1]:,.1f}"


def main() -> None:
    """Measure, print and update the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--sqlite", type=int, default=1_000_000, help="interactions in SQLite")
    parser.add_argument("--mongodb", type=int, default=300_000, help="interactions in MongoDB")
    parser.add_argument("--runs", type=int, default=40, help="how often each question is asked")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    options = parser.parse_args()
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        measured.append(asyncio.run(measure_sqlite(Path(folder), options.sqlite, options.runs)))
        load = os.getloadavg()[1]
        print(report(measured, load), flush=True)
        measured.append(asyncio.run(measure_mongodb(Path(folder), options.mongodb, options.runs)))
    text = report(measured, max(load, os.getloadavg()[1]))
    print(text)
    write_between_markers(options.page, text, part="bench-statistics")


if __name__ == "__main__":
    main()
