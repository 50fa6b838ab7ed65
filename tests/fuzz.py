"""Every test of arbitrary input, with many more inputs than usual: `python -m tests.fuzz [--examples 2000]`.

These read captures, frame and accumulate streams, assemble documents, redact, store and read back, and ask the tap in
every shape that a request can have. The dashboard's API gets a tenth as many for each operation. Prints how many inputs
each test has tried. Exit status 1 if one has found a fault.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_TEST = re.compile(r"^(?P<name>tests/\S+::\S.*):$")
_TRIED = re.compile(r"(?P<passing>\d+) passing, (?P<failing>\d+) failing")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=2000, help="inputs for each test")
    options = parser.parse_args()
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/unit", "tests/wire", "-m", "hypothesis", "-q"),
            *("--hypothesis-profile", "fuzz", "--hypothesis-show-statistics"),
            *("--timeout", "3600"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"GEMTAP_TEST_FUZZ_EXAMPLES": str(options.examples)},
        check=False,
    )
    tried = _tried(ended.stdout)
    table = Table("test", "inputs tried", "faults found")
    for name, (passing, failing) in tried.items():
        table.add_row(escape(name), f"{passing + failing:,}", str(failing))
    inputs, faults = (sum(column) for column in zip(*tried.values(), strict=True))
    table.add_row("all", f"{inputs + faults:,}", str(faults))
    Console(width=160).print(table)
    if ended.returncode:
        print(ended.stdout[-20_000:])
    return ended.returncode or _ask_the_api(options.examples // 10)


def _ask_the_api(examples: int) -> int:
    """Try as many requests for each operation of the dashboard's API. Returns the exit status."""
    print(f"The dashboard's API, {examples} valid and as many invalid requests for each operation, in both stores:")
    command = [sys.executable, "-m", "pytest", "tests/e2e/test_api_fuzz.py", "-q", "--timeout", "3600"]
    return subprocess.run(command, env=os.environ | {"GEMTAP_TEST_API_EXAMPLES": str(examples)}, check=False).returncode


def _tried(output: str) -> dict[str, tuple[int, int]]:
    """Passing and failing inputs by test, from what Hypothesis prints of each of its phases."""
    tried: dict[str, tuple[int, int]] = {}
    name = ""
    for line in output.splitlines():
        if test := _TEST.match(line):
            name = test["name"]
        if found := _TRIED.search(line):
            passing, failing = tried.get(name, (0, 0))
            tried[name] = passing + int(found["passing"]), failing + int(found["failing"])
    return tried


if __name__ == "__main__":
    sys.exit(main())
