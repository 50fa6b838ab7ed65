"""Memory while a file of 2 GB is uploaded and one is downloaded: `python -m bench.large`, a minute on Linux."""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.gemtap import Gemtap, running_gemtap
from bench.nginx import file_serving_nginx
from bench.page import table, write_between_markers
from bench.processes import accepts_connections, free_port, memory, running, wait_until
from bench.traffic import HEADERS

_PIECE: Final = random.Random(51).randbytes(65_536)
_UPLOAD: Final = "/upload/v1beta/files?upload_id=bench"
_DOWNLOAD: Final = "/v1beta/files/bench:download"
_HEADERS: Final = HEADERS | {"content-type": "application/octet-stream"}


@dataclass
class Large:
    """The results. Memory is resident, in MB, by process."""

    gb: float
    idle: dict[str, float] = field(default_factory=dict)
    peak: dict[str, dict[str, float]] = field(default_factory=dict)
    """Peaks since the start, after the upload and after the download."""
    seconds: dict[str, float] = field(default_factory=dict)
    kept_mb: float = 0.0
    """Stored part of each body: `capture_max_body`."""


def measure(folder: Path, gb: float) -> Large:
    """Upload, then download, each until it is recorded. Raises RuntimeError if a file is not transferred completely."""
    large, size = Large(gb), int(gb * 1e9)
    file, taker = folder / "file", free_port()
    _make(file, size)
    with (
        # This upstream answers an upload only after its last byte; nginx itself would answer earlier.
        running([sys.executable, "-m", "bench.upstream", str(taker)], folder / "taker.log"),
        file_serving_nginx(folder / "upstream", _DOWNLOAD, file, taker) as upstream,
        running_gemtap(folder, upstream) as gemtap,
    ):
        wait_until("the upstream", lambda: accepts_connections(taker))
        _up(gemtap.port, len(_PIECE))
        _wait_for(gemtap, 1)
        large.idle = {part: memory(pid).now for part, pid in gemtap.processes.items()}
        for number, (name, transfer) in enumerate((("upload", _up), ("download", _down))):
            began_at = time.perf_counter()
            transfer(gemtap.port, size)
            large.seconds[name] = time.perf_counter() - began_at
            # A capture is handed over after its response, so an empty backlog proves nothing yet.
            _wait_for(gemtap, number + 2)
            large.peak[name] = {part: memory(pid).peak for part, pid in gemtap.processes.items()}
        large.kept_mb = _kept(gemtap)
    return large


def _make(file: Path, size: int) -> None:
    """Create a file of incompressible binary data, like a video."""
    piece = random.Random(50).randbytes(2**20)
    with file.open("wb") as opened:
        for at in range(0, size, len(piece)):
            opened.write(piece[: size - at])


def _wait_for(gemtap: Gemtap, count: int) -> None:
    """Wait until this number of exchanges is recorded."""
    connection = http.client.HTTPConnection("127.0.0.1", gemtap.dashboard_port, timeout=60)

    def recorded() -> bool:
        connection.request("GET", "/api/interactions")
        return len(json.load(connection.getresponse())["items"]) == count

    wait_until("recording", recorded, every=0.1, patience=300)
    connection.close()


def _up(port: int, size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", _UPLOAD, _pieces(size), _HEADERS | {"content-length": str(size)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"the answer to the upload has the status {answer.status}")


def _pieces(size: int) -> Iterator[bytes]:
    for at in range(0, size, len(_PIECE)):
        yield _PIECE[: size - at]


def _down(port: int, size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", _DOWNLOAD, headers=HEADERS)
    answer = connection.getresponse()
    got = 0
    while piece := answer.read(len(_PIECE)):
        got += len(piece)
    connection.close()
    if answer.status != 200 or got != size:
        raise RuntimeError(f"of the download {got:,} of {size:,} bytes came, with the status {answer.status}")


def _kept(gemtap: Gemtap) -> float:
    """Size of the stored part of the download, in MB."""
    connection = http.client.HTTPConnection("127.0.0.1", gemtap.dashboard_port, timeout=60)
    connection.request("GET", "/api/interactions?operation=files.download")
    (item,) = json.load(connection.getresponse())["items"]
    connection.request("GET", f"/api/interactions/{item['id']}/response")
    answer = connection.getresponse()
    kept = 0
    while piece := answer.read(len(_PIECE)):
        kept += len(piece)
    connection.close()
    return kept / 1e6


def report(large: Large) -> str:
    """The results as Markdown."""
    rows = [
        [part, f"{idle:.0f} MB", *(f"+{large.peak[name][part] - idle:.0f} MB" for name in large.peak)]
        for part, idle in large.idle.items()
    ]
    titles = ["process", "memory before", "peak after the upload", "peak after the download"]
    return (
        f"Upload of {large.gb:g} GB in {large.seconds['upload']:.0f} s and download of as much in "
        f"{large.seconds['download']:.0f} s through Gemtap, which stores {large.kept_mb:.0f} MB of each "
        f"(`capture_max_body`) in SQLite:\n\n{table(titles, rows)}"
    )


def main() -> None:
    """Measure, print and update the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--gb", type=float, default=2.0, help="the size of each file")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
        text = report(measure(Path(folder), options.gb))
    print(text)
    write_between_markers(options.page, text, part="bench-large")


if __name__ == "__main__":
    main()
