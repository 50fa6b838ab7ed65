"""Lists and searches in a large store: `python -m bench.search`, about ten minutes for a million interactions."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

from bench.corpus import NEWEST, small_interactions
from bench.page import table, write_between_markers
from gemtap.stores.base import Store
from gemtap.stores.opening import open_store
from gemtap.stores.paging import page_of
from gemtap.stores.query.parsing import parse
from gemtap.stores.query.words import words_of
from tests.mongod import Mongod

_BATCH: Final = 1_000
_SAMPLE: Final = 20_000
"""Number of interactions used to determine the frequency of words."""

_ROUNDS: Final = 40
"""Number of runs per kind of query, each with different words."""

_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words by their frequency among interactions, and pairs of consecutive words."""

    frequent: list[str]
    """In at least one of ten interactions."""
    middling: list[str]
    """In one of a hundred to one of a thousand interactions."""
    rare: list[str]
    """In one of ten thousand interactions, or fewer."""
    pairs: list[str]


def vocabulary_of(texts: list[str]) -> Vocabulary:
    """The vocabulary of a sample of texts."""
    seen: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for text in texts:
        words = words_of(text)
        seen.update(set(words))
        pairs.update({f"{one} {two}" for one, two in pairwise(words)})
    n = len(texts)
    return Vocabulary(
        frequent=sorted(word for word, count in seen.items() if count >= n / 10),
        middling=sorted(word for word, count in seen.items() if n / 1_000 <= count <= n / 100),
        rare=sorted(word for word, count in seen.items() if count <= 2),
        pairs=sorted(pair for pair, count in pairs.items() if count >= n / 1_000),
    )


def kinds(words: Vocabulary, rng: random.Random) -> dict[str, Callable[[], str]]:
    """Kinds of queries, each with a function that generates one."""
    frequent, middling, rare = (partial(rng.choice, of) for of in (words.frequent, words.middling, words.rare))
    beginnings = sorted({word[:4] for word in words.middling if len(word) > 4 and not word[0].isdigit()})
    return {
        "everything": lambda: "",
        "one model": lambda: rng.choice(("model:gemini-2.5-pro", "model:gemini-2.5-flash")),
        "one status in 10,000": lambda: "status:500",
        "tokens over 100k": lambda: "tokens:>100k",
        "a frequent word": frequent,
        "a less frequent word": middling,
        "a rare word": rare,
        "a word that does not occur": lambda: "qqqq" + rng.choice(words.rare),
        "two frequent words": lambda: f"{frequent()} {frequent()}",
        "a frequent and a rare word": lambda: f"{frequent()} {rare()}",
        "two less frequent words": lambda: f"{middling()} {middling()}",
        "a phrase": lambda: f'"{rng.choice(words.pairs)}"',
        "the beginning of a word": lambda: rng.choice(beginnings) + "*",
        "without a frequent word": lambda: f"-{frequent()}",
        "a frequent word, one model": lambda: f"{frequent()} model:gemini-2.5-pro",
        "a frequent word, one status in 10,000": lambda: f"{frequent()} status:500",
        "a less frequent word, one status in 10,000": lambda: f"{middling()} status:500",
        "a frequent word, tokens over 100k": lambda: f"{frequent()} tokens:>100k",
        "a frequent word, seven months ago": lambda: f"{frequent()} until:2025-12-01",
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """Results for one kind of query."""

    p50: float
    p95: float
    """Milliseconds for a page of fifty, including decoding."""
    processor: float
    """95th percentile of this process's CPU time in milliseconds, which other load does not affect."""


async def measure(store: Store, words: Vocabulary, rounds: int) -> dict[str, Measured]:
    """Run every kind of query, in turns. The first round runs with cold caches and counts too."""
    makers = kinds(words, random.Random(7))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            where = parse(make(), NEWEST)
            began_at, ran = time.perf_counter(), time.process_time()
            await page_of(store, where, limit=_PAGE)
            taken[name].append(((time.perf_counter() - began_at) * 1000, (time.process_time() - ran) * 1000))
    return {
        name: Measured(
            statistics.median(ms for ms, _ in each),
            statistics.quantiles([ms for ms, _ in each], n=20)[18],
            statistics.quantiles([ms for _, ms in each], n=20)[18],
        )
        for name, each in taken.items()
    }


async def load(store: Store, count: int) -> tuple[list[str], int]:
    """Fill the store. Returns a sample of the texts, and the total number of characters."""
    await store.open()
    records = small_interactions(count)
    characters = 0
    sample: list[str] = []
    every = max(1, count // _SAMPLE)
    stored = 0
    while batch := list(islice(records, _BATCH)):
        await store.put(batch)
        characters += sum(len(each.text or "") for each in batch)
        sample += [each.text or "" for each in batch[::every]]
        stored += len(batch)
        if stored % 100_000 == 0:
            print(f"{stored:,} of {count:,} stored", flush=True)
    return sample, characters


@dataclass(frozen=True, slots=True)
class Full:
    """A filled store and its results."""

    name: str
    count: int
    characters: int
    whole: int
    """Total size, in bytes."""
    index: int
    """Size of the search index, in bytes."""
    measured: dict[str, Measured]
    load: float
    """Load average of the machine during the run, including this benchmark."""


async def in_sqlite(folder: Path, count: int, rounds: int) -> Full:
    """Measure SQLite with `count` interactions."""
    path = folder / "gemtap.db"
    store = open_store(f"sqlite:///{path}")
    try:
        sample, characters = await load(store, count)
        measured = await measure(store, vocabulary_of(sample), rounds)
    finally:
        await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (index,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'search_*'").fetchone()
    return Full("SQLite", count, characters, path.stat().st_size, index, measured, os.getloadavg()[0])


async def in_mongodb(folder: Path, count: int, rounds: int) -> Full:
    """Measure MongoDB with `count` interactions."""
    with _mongod(folder) as url:
        store = open_store(f"{url}/search")
        try:
            sample, characters = await load(store, count)
            measured = await measure(store, vocabulary_of(sample), rounds)
            load_now = os.getloadavg()[0]
        finally:
            await store.close()
        client: MongoClient[dict[str, Any]] = MongoClient(url)
        with client:
            stats = client["search"].command("collStats", "gemini_interactions")
    whole = stats["storageSize"] + stats["totalIndexSize"]
    return Full("MongoDB 6.0", count, characters, whole, stats["indexSizes"]["search"], measured, load_now)


@contextlib.contextmanager
def _mongod(folder: Path) -> Iterator[str]:
    mongod = Mongod(folder / "mongod")
    mongod.start()
    try:
        yield mongod.url
    finally:
        mongod.stop()


def report(fulls: list[Full]) -> str:
    """The results as Markdown."""
    columns = ["a page of 50"]
    for full in fulls:
        columns.append(f"{full.name}, {full.count:,}: p50, p95")
        if full.name == "SQLite":
            columns.append("CPU time p95")
    rows = []
    for name in fulls[0].measured:
        row = [name]
        for full in fulls:
            taken = full.measured[name]
            row.append(f"{taken.p50:.1f} ms, {taken.p95:.1f} ms")
            if full.name == "SQLite":
                row.append(f"{taken.processor:.1f} ms")
        rows.append(row)
    sizes = "\n".join(
        f"- {full.name}: {full.count:,} interactions with {full.characters / 1e6:,.0f} MB of searchable text take "
        f"{full.whole / 1e6:,.0f} MB, including {full.index / 1e6:,.0f} MB for the search index "
        f"({full.index / full.whole:.0%} of the total, {full.index / full.characters:.0%} of the text). "
        f"Load average during the run: {full.load:.1f}."
        for full in fulls
    )
    machine = f"{platform.system()} {platform.release()}, {len(os.sched_getaffinity(0))} cores"
    return (
        f"{table(columns, rows)}\n\n{sizes}\n\n"
        "Frequent words are in at least one of ten interactions, less frequent words in one of a hundred to one of a "
        f"thousand, rare words in at most one of ten thousand. Each kind of query ran {_ROUNDS} times with different "
        "words, in turns with the others. The interactions have a few hundred bytes, are spread over a year, and "
        f"contain the sources of Python's standard library. {machine}, SQLite {sqlite3.sqlite_version}. SQLite runs in "
        "the process of the benchmark, so that its CPU time excludes other load on the machine."
    )


def main() -> None:
    """Fill, measure, print and update the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--sqlite", type=int, default=1_000_000, help="interactions in SQLite")
    parser.add_argument("--mongodb", type=int, default=100_000, help="interactions in MongoDB; 0 for none")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    fulls = []
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        for fill, count in ((in_sqlite, options.sqlite), (in_mongodb, options.mongodb)):
            if count:
                fulls.append(asyncio.run(fill(Path(folder), count, _ROUNDS)))
                print(report(fulls[-1:]), flush=True)
    text = report(fulls)
    write_between_markers(options.page, text, part="bench-search")


if __name__ == "__main__":
    main()
