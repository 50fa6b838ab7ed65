"""What recording costs: `python -m bench.recording`, a few minutes on Linux.

With `--base REVISION`, the code of that revision records the same captures, in turns with this code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.page import table, write_between_markers
from bench.recorder_run import INPUTS
from bench.samples import Samples
from tests.mongod import Mongod

_ROOT: Final = Path(__file__).resolve().parent.parent
_STORES: Final = ("SQLite", "MongoDB")
_COUNTS: Final = {"small": 1_200, "agents": 400}
_PARTS: Final = ("desk", "workers", "database")


@contextmanager
def code_of(revision: str, folder: Path) -> Iterator[Path]:
    """The sources of a revision."""
    tree = folder / "base"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], cwd=_ROOT, check=True)
    try:
        yield tree / "src"
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=_ROOT, check=True)


def run(sources: Path, url: str, name: str, count: int, server: int) -> dict[str, Any]:
    """Record an input with the code in this folder. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        url = url.format(folder=folder)
        command = [sys.executable, "-m", "bench.recorder_run", folder, url, name, str(count), str(server)]
        environment = os.environ | {"PYTHONPATH": str(sources)}
        done = subprocess.run(command, cwd=_ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(codes: dict[str, Path], mongod: Mongod | None, names: list[str], rounds: int, scale: float) -> Samples:
    """Record each input with each code in each store, in turns."""
    samples = Samples()
    for number in range(rounds):
        for store in _STORES if mongod is not None else _STORES[:1]:
            for name in names:
                for code, sources in codes.items():
                    url, server = "sqlite:///{folder}/gemtap.db", 0
                    if store == "MongoDB":
                        assert mongod is not None
                        url, server = f"{mongod.url}/{code}{name}{number}", mongod.pid
                    found = run(sources, url, name, int(_COUNTS[name] * scale), server)
                    print(number, store, name, code, found, file=sys.stderr, flush=True)
                    for part in _PARTS:
                        samples.add(f"{name} {store} {part}", code, found[part] / found["count"] * 1000)
                    both = (found["desk"] + found["workers"]) / found["count"] * 1000
                    samples.add(f"{name} {store} cpu", code, both)
                    samples.add(f"{name} {store} rate", code, found["count"] / found["seconds"])
    return samples


def report(samples: Samples, base: str | None, rounds: int, scale: float) -> str:
    """The results as Markdown."""
    codes = ["base", "now"] if base else ["now"]
    rows = []
    for name in INPUTS:
        for store in _STORES:
            if samples.median(f"{name} {store} cpu", "now") is None:
                continue
            for code in codes:
                values = [samples.median(f"{name} {store} {figure}", code) or 0 for figure in ("cpu", *_PARTS, "rate")]
                cells = [*(f"{value:.2f} ms" for value in values[:-1]), f"{values[-1]:,.0f}"]
                rows.append([f"{name}, {store}" + (f", {base}" if code == "base" else ""), *cells])
    titles = ["input, store", "CPU per interaction", "the desk's", "the workers'", "mongod's", "interactions/s"]
    counts = {name: int(count * scale) for name, count in _COUNTS.items()}
    return (
        f"{table(titles, rows)}\n\n"
        f"- **small**: {counts['small']:,} conversations of one turn, all different: a request of 2 KB with a system "
        "instruction and three messages, and a response of 3 KB.\n"
        f"- **agents**: the first {counts['agents']:,} exchanges of the simulated agents of the section on storage. "
        "Two agents work at a time, and send their whole conversation with each turn.\n\n"
        "The captures wait in a journal and are recorded by the desk's recorder with its workers, into an empty store, "
        "without compaction. mongod's CPU time is not part of the sum. The rate is that of this backlog, with what "
        f"other work leaves of the machine. Rounds in which all take turns: {rounds}; medians. "
        f"{datetime.now(UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.0f} at the end."
    )


def main() -> None:
    """Measure, print the table and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.recording", description=__doc__)
    parser.add_argument("--base", help="a revision to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inputs", nargs="*", default=list(INPUTS), choices=INPUTS)
    parser.add_argument("--scale", type=float, default=1, help="how many captures, relative to the usual number")
    parser.add_argument("--no-mongodb", action="store_true", help="SQLite alone")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        codes = {"now": _ROOT / "src"}
        if options.base is not None:
            codes = {"base": stack.enter_context(code_of(options.base, folder)), **codes}
        mongod = None if options.no_mongodb else Mongod(folder / "mongod")
        if mongod is not None:
            mongod.start()
            stack.callback(mongod.stop)
        samples = measure(codes, mongod, options.inputs, options.rounds, options.scale)
    text = report(samples, options.base, options.rounds, options.scale)
    print(text)
    write_between_markers(options.page, text, part="bench-recording")


if __name__ == "__main__":
    main()
