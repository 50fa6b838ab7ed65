"""Run storms and print what became of the exchanges. Exit status 1 if one was lost, doubled or cut."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.crash.storm.accounts import Accounts
from tests.crash.storm.ledger import Ledger
from tests.crash.storm.run import KINDS, storm


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.storm", description=__doc__)
    parser.add_argument("--store", choices=KINDS, action="append", help="which store; repeatable; default: all")
    parser.add_argument("--kills", type=int, default=70, help="kills for each store")
    parser.add_argument("--rate", type=float, default=50, help="exchanges begun a second")
    parser.add_argument("--seed", type=int, default=1, help="of the kinds of exchanges and the order of the kills")
    options = parser.parse_args()

    table = Table(
        "store", "kills", "s", "begun", "reached upstream", "answered whole", "documents", "lost", "twice", "cut"
    )
    balanced = True
    for kind in options.store or KINDS:
        with tempfile.TemporaryDirectory(prefix="gemtap-storm-") as folder:
            began = time.monotonic()
            ledger, accounts = asyncio.run(
                storm(Path(folder), kind, kills=options.kills, rate=options.rate, seed=options.seed)
            )
            table.add_row(kind, *_cells(ledger, accounts, time.monotonic() - began))
            balanced &= accounts.is_balanced
    Console(width=200).print(table)
    return 0 if balanced else 1


def _cells(ledger: Ledger, accounts: Accounts, seconds: float) -> list[str]:
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(ledger.kills.items()))
    outcomes = ", ".join(f"{outcome} {count}" for outcome, count in accounts.outcomes.most_common())
    return [
        f"{ledger.kills.total()} ({kills})",
        f"{seconds:.0f}",
        str(accounts.begun),
        str(accounts.crossed),
        str(accounts.answered),
        f"{accounts.documents} ({outcomes})",
        *(str(len(numbers)) for numbers in (accounts.lost, accounts.twice, accounts.cut)),
    ]


if __name__ == "__main__":
    sys.exit(main())
