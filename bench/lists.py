"""The cost of large bodies for lists, which do not show them: `python -m bench.lists`, about two minutes."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.page import table, write_between_markers
from bench.year import BEGIN, interactions
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from gemtap.stores.paging import page_of
from gemtap.stores.place import just_before
from gemtap.stores.query.parsing import parse
from tests.mongod import Mongod

_INTERACTIONS: Final = 200
_SMALL: Final = 1_000
_LARGE: Final = 3_000_000
"""Size of the body of each request, in bytes."""

_AT_ONCE: Final = 5
_PAGE: Final = 50
_ROUNDS: Final = 20

Asked = Callable[[Store], Awaitable[Any]]


def asked(second: str | None) -> dict[str, Asked]:
    """The queries by name; `second` is the cursor of the second page."""
    since = just_before(BEGIN.replace(year=2000))
    return {
        "list, newest page of 50": lambda store: page_of(store, Filter(), limit=_PAGE),
        "list, second page": lambda store: page_of(store, Filter(), limit=_PAGE, cursor=second),
        "list of one client": lambda store: page_of(store, Filter(client="cline"), limit=_PAGE),
        "list of failures": lambda store: page_of(store, parse("error:yes", BEGIN), limit=_PAGE),
        "list by client and outcome": lambda store: page_of(
            store, Filter(client="cline", outcome="complete"), limit=_PAGE
        ),
        "list by tokens and duration": lambda store: page_of(
            store, parse("tokens:>1k duration:>1s", BEGIN), limit=_PAGE
        ),
        "the oldest 50, as for pruning": lambda store: store.list(Filter(), order="oldest", limit=_PAGE),
        "50 since a time, as for `tail`": lambda store: store.list(
            Filter(), order="recorded", after=since, limit=_PAGE
        ),
        "threads, newest page of 50": lambda store: store.threads(Filter(), limit=_PAGE),
        "threads by cost": lambda store: store.threads(Filter(), limit=_PAGE, sort="cost"),
        "statistics of one model by day": lambda store: store.statistics(
            Filter(model="gemini-2.5-pro"), bucket="day", by="client"
        ),
    }


TAGGED: Final[dict[str, Asked]] = {
    "list of 50 with a tag each": lambda store: page_of(store, Filter(tag="seen"), limit=_PAGE)
}


async def fill(store: Store, body_bytes: int) -> None:
    """Store the same interactions with bodies of this size."""
    batch: list[Record] = []
    for record in records(body_bytes):
        batch.append(record)
        if len(batch) == _AT_ONCE:
            await store.put(batch)
            batch = []
    await store.put(batch)


def records(body_bytes: int) -> Iterator[Record]:
    """Some interactions spread over a year."""
    for document in interactions(_INTERACTIONS, body_bytes=body_bytes):
        sides = [
            json.dumps(side["body"]).encode() if side else b"" for side in (document["request"], document["response"])
        ]
        yield Record(document, sides[0], sides[1], accumulated=True)


async def measure(stores: Sequence[Store], questions: Sequence[dict[str, Asked]]) -> dict[str, list[float]]:
    """Median time of every query in each store, in milliseconds. The stores take turns."""
    taken: dict[str, list[list[float]]] = {name: [[] for _ in stores] for name in questions[0]}
    for _ in range(_ROUNDS):
        for name, times in taken.items():
            for store, ask, of in zip(stores, questions, times, strict=True):
                began_at = time.perf_counter()
                await ask[name](store)
                of.append((time.perf_counter() - began_at) * 1000)
    return {name: [statistics.median(of) for of in times] for name, times in taken.items()}


async def of_both(urls: tuple[str, str]) -> dict[str, list[float]]:
    """Fill two stores of a kind, one with small bodies and one with large ones, and measure both."""
    stores = [open_store(url) for url in urls]
    try:
        for store, size in zip(stores, (_SMALL, _LARGE), strict=True):
            await store.open()
            await fill(store, size)
        found = await measure(stores, [asked((await page_of(store, Filter(), limit=_PAGE)).next) for store in stores])
        for store in stores:
            for item in await store.list(Filter(), limit=_PAGE):
                await store.annotate(item["_id"], tags=["seen"])
        return found | await measure(stores, [TAGGED] * 2)
    finally:
        for store in stores:
            await store.close()


def report(results: dict[str, dict[str, list[float]]]) -> str:
    """The table, and a description of the measurement."""
    rows = []
    for name in next(iter(results.values())):
        cells = [
            cell
            for small, large in (of[name] for of in results.values())
            for cell in (f"{small:.1f}", f"{large:.1f}", f"{large / small:.1f} x")
        ]
        rows.append([name, *cells])
    titles = [f"{kind}: {what}" for kind in results for what in ("1 KB", "3 MB", "ratio")]
    return "\n\n".join(
        [
            table(["milliseconds, median", *titles], rows),
            f"{_INTERACTIONS} interactions, stored twice: with requests of 1 KB, and with requests of 3 MB. Each "
            f"query ran {_ROUNDS} times, in turns. MongoDB has a cache of 256 MB. Measured on "
            f"{datetime.now(UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.0f}.",
        ]
    )


def main() -> None:
    """Measure, print the table and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--store", choices=("SQLite", "MongoDB"), action="append", help="by default both")
    parser.add_argument("--folder", type=Path, help="where to keep data meanwhile")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory(prefix="gemtap-lists-", dir=arguments.folder) as name:
        folder = Path(name)
        mongod = Mongod(folder / "mongod")
        mongod.start()
        try:
            urls = {
                "SQLite": (f"sqlite:///{folder / 'small.db'}", f"sqlite:///{folder / 'large.db'}"),
                "MongoDB": (f"{mongod.url}/small", f"{mongod.url}/large"),
            }
            for kind in arguments.store or urls:
                results[kind] = asyncio.run(of_both(urls[kind]))
        finally:
            mongod.stop()
    text = report(results)
    print(text)
    write_between_markers(arguments.page, text, part="bench-lists")


if __name__ == "__main__":
    main()
