"""Let clients run away, and print what became of each budget. Exit status 1 if one was passed by more than promised."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gemtap.limits.limits import Limit
from gemtap.limits.shown import in_short
from tests.crash.runaway.run import KINDS, Budget, Result, runaway


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.runaway", description=__doc__)
    parser.add_argument("--store", choices=KINDS, action="append", help="which store; repeatable; default: in turn")
    parser.add_argument("--runs", type=int, default=20, help="how many runs")
    parser.add_argument("--requests", type=int, default=1000, help="requests at once")
    parser.add_argument("--attempts", type=int, default=10, help="how often a client tries until it is answered")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    options = parser.parse_args()

    kinds, console = options.store or KINDS, Console(width=160)
    table = Table("run", "store", "budget", "amount", "spent", "beyond it", "allowed beyond", "in flight", "holds")
    holds = True
    for run in range(options.runs):
        kind = kinds[run % len(kinds)]
        with tempfile.TemporaryDirectory(prefix="gemtap-runaway-") as folder:
            result = asyncio.run(
                runaway(
                    Path(folder), kind, requests=options.requests, attempts=options.attempts, seed=options.seed + run
                )
            )
        console.print(f"run {run + 1}, {kind}: {_told(result)}")
        for name, budgets in _shown(result):
            table.add_row(str(run + 1), kind, name, *_cells(max(budgets, key=_beyond)))
        holds &= all(each.holds for each in result.budgets)
    console.print(table)
    return 0 if holds else 1


def _told(result: Result) -> str:
    answers = ", ".join(f"{status} {count}" for status, count in sorted(result.answers.items(), key=str))
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(result.kills.items()))
    return f"{result.seconds:.0f} s, answers: {answers}; killed: {kills}"


def _shown(result: Result) -> list[tuple[str, list[Budget]]]:
    """The budgets for all, and those of users together: of them, the one that was passed the most is shown."""
    users = [each for each in result.budgets if each.limit.scope == "user"]
    others = [(f"{each.limit.measure} of {_name(each.limit)}", [each]) for each in result.budgets if each not in users]
    return [("cost of a user, the worst of ten", users), *others]


def _name(limit: Limit) -> str:
    return "everything" if limit.scope == "all" else str(limit.subject)


def _beyond(budget: Budget) -> int:
    return budget.spent - budget.limit.amount


def _cells(budget: Budget) -> list[str]:
    measure = budget.limit.measure
    beyond = max(0, _beyond(budget))
    amounts = (budget.limit.amount, budget.spent, beyond, budget.excess, budget.in_flight)
    return [*(in_short(measure, amount) for amount in amounts), "yes" if budget.holds else "NO"]


if __name__ == "__main__":
    sys.exit(main())
