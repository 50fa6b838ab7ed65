"""Compares Gemtap with nginx and with no proxy in one run: `python -m bench`. Takes about eight minutes, on Linux."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.machine import facts
from bench.measure import (
    BACKLOG,
    BACKLOG_ROUNDS,
    ROUNDS,
    measure_backlog,
    measure_requests,
    measure_start_up,
    measure_streams,
)
from bench.page import write_between_markers
from bench.report import report
from bench.samples import Samples


def main() -> None:
    """Measure, print the tables and write them into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to keep data meanwhile, up to 1 GB")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="fewer show whether it runs, not more")
    parser.add_argument("--captures", type=int, default=BACKLOG, help="in the backlog")
    arguments = parser.parse_args()
    rounds = arguments.rounds

    with tempfile.TemporaryDirectory(prefix="gemtap-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        machine = facts(folder)
        samples = Samples()
        measure_start_up(folder / "start-up", samples)
        requests = measure_requests(folder / "requests", samples, rounds)
        streams = measure_streams(folder / "streams", samples, rounds)
        measure_backlog(folder / "backlog", samples, min(rounds, BACKLOG_ROUNDS), arguments.captures)
    text = report(samples, machine, requests, streams, rounds=rounds, captures=arguments.captures)
    print(text)
    write_between_markers(arguments.page, text)


if __name__ == "__main__":
    main()
