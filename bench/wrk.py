"""wrk: sends requests over a number of connections at the maximum rate."""

from __future__ import annotations

import itertools
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.traffic import GENERATE, HEADERS

_SCRIPT: Final = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True)
class Load:
    """The results of a run."""

    requests: int
    """Requests answered with 2xx or 3xx. At its end wrk drops running requests, at most one per connection."""
    per_second: float
    p50_ms: float
    p99_ms: float


def run_wrk(port: int, body: Path, *, connections: int, seconds: int, prefix: str = "") -> Load:
    """POST the body repeatedly, `prefix` before the path. Raises RuntimeError if any request fails."""
    command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=30s"]
    command += [f"--script={_SCRIPT}", f"http://127.0.0.1:{port}{prefix}{GENERATE}"]
    command += ["--", str(body), *itertools.chain.from_iterable(HEADERS.items())]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result = json.loads(output.splitlines()[-1])
    if result["errors"]:
        raise RuntimeError(f"{result['errors']} requests failed:\n{output}")
    return Load(
        requests=result["requests"],
        per_second=result["requests"] / result["duration_us"] * 1e6,
        p50_ms=result["p50_us"] / 1000,
        p99_ms=result["p99_us"] / 1000,
    )


def wrk_version() -> str:
    """Version such as `4.1.0`."""
    # wrk exits with 1 after printing its version.
    told = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return told.split()[1].removeprefix("debian/")
