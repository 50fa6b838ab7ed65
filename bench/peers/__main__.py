"""Gemtap beside other proxies in one run: `python -m bench.peers`. Takes under ten minutes, on Linux."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from bench.machine import facts
from bench.page import write_between_markers
from bench.peers.field import FIELD
from bench.peers.measure import Results, measure_requests, measure_streams
from bench.peers.offline import go_offline
from bench.peers.report import report


def main() -> None:
    """Measure, print the tables and write them into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="besides direct, nginx and Gemtap; all otherwise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="how long wrk sends each time")
    parser.add_argument("--folder", type=Path, help="where to keep data meanwhile, up to 2 GB")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    always = {"direct", "nginx", "Gemtap"}
    entries = [each for each in FIELD if options.only is None or each.name in always | {*options.only}]

    load = os.getloadavg()[0]
    offline = go_offline()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-", dir=options.folder) as name:
        folder = Path(name)
        machine = facts(folder)
        measure_requests(folder / "requests", entries, results, rounds=options.rounds, seconds=options.seconds)
        measure_streams(folder / "streams", entries, results, rounds=options.rounds)
    machine["Network"] = "off: 127.0.0.1 alone" if offline else "on, for this system let no one switch it off"
    text = report(results, entries, machine, rounds=options.rounds, seconds=options.seconds, load=load)
    print(text)
    write_between_markers(options.page, text, part="bench-peers")


if __name__ == "__main__":
    main()
