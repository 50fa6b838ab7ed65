"""Load time and size of the dashboard's pages, with a year of traffic: `python -m bench.pages`."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.gemtap import Gemtap, running_gemtap
from bench.long_thread import TOKENS, TURNS, long_thread
from bench.machine import facts
from bench.page import table, write_between_markers
from bench.processes import free_port
from bench.year import BEGIN, DAYS
from bench.year import interactions as year_of
from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.facets import COUNTED
from gemtap.stores.opening import open_store
from tests.mongod import Mongod

_AT_ONCE: Final = 500

_BODY: Final = 300
"""Size of a body in bytes. Pages read only the bodies of the long thread."""

_TIMES: Final = 15
"""Number of requests per page."""


@dataclass(frozen=True)
class Filled:
    """Contents of a store."""

    interactions: int
    megabytes: float
    last_turn: str
    thread: str


@dataclass(frozen=True)
class Timed:
    """Load times of a page in milliseconds, from the request to the last byte."""

    first: float
    median: float
    slowest: float
    size: int
    facets: int
    """Number of responses with facets, which a list leaves out if they take too long."""


def pages_of(filled: Filled) -> dict[str, str]:
    """Paths of the pages, by description."""
    turn = f"/interactions/{filled.last_turn}"
    return {
        "list": "/interactions",
        "list, one model": "/interactions?model=gemini-2.0-flash",
        "list, failed and slow": "/interactions?q=error:yes+duration:%3E30s",
        "list, words": "/interactions?q=parallel+test",
        "list, a year ago": "/interactions?q=until:300d",
        "list, the most expensive": "/interactions?sort=cost",
        "list, the most expensive of one client": "/interactions?sort=cost&client=cline",
        "threads": "/threads",
        "threads, the most expensive": "/threads?sort=cost",
        f"thread of {TURNS} turns": f"/threads/{filled.thread}",
        f"interaction of {TOKENS:,} tokens": turn,
        "what one turn added": f"{turn}/added",
        "what changed since the turn before": f"{turn}/changes",
        "analytics, 24 hours": "/analytics?last=24h",
        "analytics, 7 days": "/analytics?last=7d",
        "analytics, 90 days by client": "/analytics?last=90d&by=client",
        "analytics, a year": "/analytics?last=1y",
        "analytics, a year of one client": "/analytics?last=1y&q=client:cline",
        "health": "/health",
        "setup": "/setup",
    }


def measure(gemtap: Gemtap, filled: Filled) -> dict[str, Timed]:
    """Request every page several times over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", gemtap.dashboard_port, timeout=300)
    found = {}
    for name, path in pages_of(filled).items():
        took = []
        size = facets = 0
        for _ in range(_TIMES):
            began_at = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            took.append((time.perf_counter() - began_at) * 1000)
            size = len(body)
            facets += b'<aside class="facets"' in body
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered with {answer.status}: {body[:500]!r}")
        found[name] = Timed(took[0], statistics.median(took[1:]), max(took[1:]), size, facets)
    connection.close()
    return found


async def filled_store(url: str, interactions: int) -> Filled:
    """Fill a store with the year until now, and a long thread at its end."""
    store = open_store(url)
    await store.open()
    try:
        await put_year(store, interactions)
        turns = []
        for record in long_thread(_whole(datetime.now(UTC) - timedelta(hours=3))):
            await store.put([record])
            turns.append(record.document["_id"])
        space = await store.maintenance.space(settled=True)
        return Filled(await store.count(Filter()), space.used / 1e6, str(turns[-1]), str(turns[0]))
    finally:
        await store.close()


async def put_year(store: Store, interactions: int) -> None:
    """Put a year of interactions until now into an open store."""
    batch: list[Record] = []
    for record in year_until(datetime.now(UTC), interactions):
        batch.append(record)
        if len(batch) == _AT_ONCE:
            await store.put(batch)
            batch = []
    await store.put(batch)


def year_until(now: datetime, interactions: int) -> Iterator[Record]:
    """The year of `bench.year`, shifted so that it ends now."""
    ago = _whole(now) - BEGIN - timedelta(days=DAYS)
    for document in year_of(interactions, body_bytes=_BODY):
        document["timestamp"] += ago
        document["recorded_at"] += ago
        sides = [
            json.dumps(side["body"]).encode() if side else b"" for side in (document["request"], document["response"])
        ]
        yield Record(document, sides[0], sides[1], accumulated=True, text=text_of(document))


def _whole(moment: datetime) -> datetime:
    """The moment in whole milliseconds, as documents store it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, str]]:
    """URLs of an empty store of each kind."""
    mongod = Mongod(folder / "mongod")
    mongod.start()
    try:
        yield {"SQLite": f"sqlite:///{folder / 'gemtap.db'}", "MongoDB": f"{mongod.url}/pages"}
    finally:
        mongod.stop()


def main() -> None:
    """Fill both stores, request every page, print the table and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--interactions", type=int, default=100_000, help="of a year; the long thread comes on top")
    parser.add_argument("--store", choices=("SQLite", "MongoDB"), action="append", help="by default both")
    parser.add_argument("--folder", type=Path, help="where to keep data meanwhile")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    arguments = parser.parse_args()
    results: dict[str, tuple[Filled, dict[str, Timed]]] = {}
    with tempfile.TemporaryDirectory(prefix="gemtap-pages-", dir=arguments.folder) as name:
        folder = Path(name)
        machine = facts(folder)
        with stores(folder) as urls:
            for kind in arguments.store or urls:
                url = urls[kind]
                (folder / kind).mkdir()
                filled = asyncio.run(filled_store(url, arguments.interactions))
                with running_gemtap(folder / kind, free_port(), "--store", url) as gemtap:
                    results[kind] = filled, measure(gemtap, filled)
    text = report(results, machine)
    print(text)
    write_between_markers(arguments.page, text, part="bench-pages")


def report(results: dict[str, tuple[Filled, dict[str, Timed]]], machine: dict[str, str]) -> str:
    """The table, and a description of the measurement."""
    rows = []
    for name in next(iter(results.values()))[1]:
        timed = [pages[name] for _, pages in results.values()]
        cells = [cell for each in timed for cell in (_ms(each.first), _ms(each.median), _ms(each.slowest))]
        rows.append([name, *cells, f"{timed[0].size / 1000:.0f} kB"])
    titles = [f"{kind}, {what}" for kind in results for what in ("first", "median", "slowest")]
    kept = ", ".join(
        f"{filled.interactions:,} interactions in {kind} ({filled.megabytes:,.0f} MB)"
        for kind, (filled, _) in results.items()
    )
    return "\n\n".join(
        [
            f"A year of traffic: {kept}; {TURNS} of them have complete bodies. Each page was requested {_TIMES} times "
            "over one connection to the desk of a running `gemtap serve`, and timed from the request to the last byte. "
            "The first request, with empty caches, has its own column. Sizes exclude style sheets and scripts: they "
            "are 25 to 40 kB, and plotly, which only the analytics page loads, 4.8 MB. " + _facets(results),
            table(["page", *titles, "size"], rows),
            f"Measured on {datetime.now(UTC):%Y-%m-%d}; {machine['CPU']}, {machine['Disk']}. The load average of the "
            f"machine was {os.getloadavg()[2]:.0f} at the end: other load affects the figures.",
        ]
    )


def _facets(results: dict[str, tuple[Filled, dict[str, Timed]]]) -> str:
    """How many responses of lists had facets."""
    lists = [timed for _, pages in results.values() for name, timed in pages.items() if name.startswith("list")]
    shown, asked = sum(timed.facets for timed in lists), _TIMES * len(lists)
    return (
        f"Lists have facets, which count up to {COUNTED:,} results: "
        f"{'all' if shown == asked else f'{shown} of {asked}'} responses had them."
    )


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


if __name__ == "__main__":
    main()
