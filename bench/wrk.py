"""wrk: as many requests as a number of connections takes."""

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
    """What one run came to."""

    requests: int
    """Answered with 2xx or 3xx. At the end of a run wrk drops what is under way: at most one for each connection."""
    per_second: float
    p50_ms: float
    p99_ms: float


def run_wrk(port: int, body: Path, *, connections: int, seconds: int) -> Load:
    """POST the body over and over. Raises RuntimeError where any request fails."""
    command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=30s"]
    command += [f"--script={_SCRIPT}", f"http://127.0.0.1:{port}{GENERATE}"]
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
    """As `4.1.0`."""
    # It exits with 1 after telling its version.
    told = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return told.split()[1].removeprefix("debian/")
