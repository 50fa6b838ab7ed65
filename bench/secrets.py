"""What the search for credentials adds to the proxy's work on a body: `python -m bench.secrets`, half a minute.

The same bytes are captured twice, in turns, by the code that a running proxy uses: as the request of an operation whose
bodies are searched, and as a file upload, whose bodies are not. Ratios: the machine cancels out.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.page import table, write_between_markers
from gemtap.capture.capture_policy import CapturePolicy, SpoolLimits
from gemtap.capture.loss_counter import LossCounter
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import TapFolder
from gemtap.incident import IncidentKind
from gemtap.interaction import Outcome
from gemtap.providers.declared_secrets import secrets_of
from gemtap.tap.credentials import Fingerprints, redact_request
from gemtap.tap.exchange import Exchange

_PIECE: Final = 65_536
_SEARCHED: Final = b"/v1beta/models/gemini-2.5-pro:generateContent"
_FILE: Final = b"/upload/v1beta/files"
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"x-goog-api-key", b"AIzaSyBench-0123456789_abcdefghijklmnop"),
]
_CODE: Final = (
    'def read(path):\n    with open(path, "rb") as file:\n        return json.loads(file.read())["items"]\n' * 20
)
_URL: Final = "https://storage.googleapis.com/b/o?X-Goog-Expires=900&X-Goog-Signature=" + "4f0c9123" * 16


def _body(size: float, *, contents: list[Any] | None = None, tools: list[Any] | None = None) -> bytes:
    turn = {"role": "user", "parts": [{"functionResponse": {"name": "read", "response": {"output": _CODE}}}]}
    turns = [turn] * max(1, int(size / len(json.dumps(turn))))
    return json.dumps({"contents": [*turns, *(contents or [])], "tools": tools or []}).encode()


def _bodies() -> dict[str, tuple[bytes, int]]:
    """Each with how often it is captured in a round."""
    schema = {"functionDeclarations": [{"parameters": {"properties": {"headers": {"type": "object"}}}}]}
    mcp = {"headers": {"Authorization": "Bearer bench-0123456789abcdef"}}
    file = {"role": "user", "parts": [{"fileData": {"fileUri": _URL}}]}
    return {
        "2 KB, no credential": (_body(2_000), 200),
        "3 MB, no credential": (_body(3e6), 1),
        "3 MB with a signed URL": (_body(3e6, contents=[file]), 1),
        "3 MB with a tool that has a parameter `headers`": (_body(3e6, tools=[schema]), 1),
        "3 MB with headers of an MCP server": (_body(3e6, tools=[mcp]), 1),
    }


class _Proxy:
    """The part of a proxy that captures."""

    def __init__(self, folder: Path) -> None:
        self._spool = Spool(folder)
        self._spool.create()
        self._fingerprints = Fingerprints(b"bench")
        tap = self._tap = TapFolder(self._spool)
        lost = LossCounter(tap, IncidentKind.CAPTURES_LOST)
        refused = LossCounter(tap, IncidentKind.REQUESTS_REFUSED)
        self._policy = CapturePolicy(self._spool, tap, SpoolLimits(2**40, 0), lost=lost, refused=refused)

    def capture(self, path: bytes, body: bytes) -> None:
        """One exchange without an answer."""
        exchange = Exchange(self._policy, max_body=2**28)
        exchange.request(
            method="POST",
            path=path,
            http_version="1.1",
            redacted=redact_request(_HEADERS, b"", self._fingerprints),
            client=None,
            provider="gemini",
            upstream_path=path,
            upstream=None,
            operation=secrets_of("gemini").of(path),
            version="bench",
            length=len(body),
        )
        for at in range(0, len(body), _PIECE):
            exchange.request_body(body[at : at + _PIECE])
        exchange.request_is_whole()
        exchange.end(Outcome.CLIENT_DISCONNECTED, None)

    def empty(self) -> None:
        """Delete what was captured."""
        for path in self._spool.waiting():
            path.unlink()
        self._tap.rotate()
        for path in sorted(self._tap.path.glob("*.segment"))[:-1]:
            path.unlink()


def _microseconds(work: Callable[[], None], times: int) -> float:
    began_at = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began_at) * 1e6 / times


def measure(rounds: int, folder: Path) -> list[list[str]]:
    """A row for each body."""
    proxy = _Proxy(folder)
    rows = []
    for name, (body, times) in _bodies().items():
        plain, searched, parsed = [], [], []
        for _ in range(rounds):
            plain.append(_microseconds(lambda body=body: proxy.capture(_FILE, body), times))  # type: ignore[misc]
            searched.append(_microseconds(lambda body=body: proxy.capture(_SEARCHED, body), times))  # type: ignore[misc]
            parsed.append(_microseconds(lambda body=body: json.loads(body), times))  # type: ignore[misc]
            proxy.empty()
        extra = median(a - b for a, b in zip(searched, plain, strict=True))
        ratio = median(a / b for a, b in zip(searched, plain, strict=True))
        of_parsing = median((a - b) / c for a, b, c in zip(searched, plain, parsed, strict=True))
        rows.append([name, f"{median(plain):,.0f} µs", f"{extra:+,.0f} µs", f"{ratio:.2f}", f"{of_parsing:.2f}"])
    return rows


def main() -> None:
    """Measure, print the table and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.secrets", description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-secrets-") as name:
        rows = measure(arguments.rounds, Path(name))
    titles = ["request", "captured", "the search adds", "with ÷ without", "the search ÷ json.loads"]
    text = "\n\n".join(
        [
            table(titles, rows),
            f"The bytes of each request were captured {arguments.rounds} times as a request and as a file upload, in "
            f"turns; medians. Measured on {datetime.now(UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.0f}.",
        ]
    )
    print(text)
    write_between_markers(arguments.page, text, part="bench-secrets")


if __name__ == "__main__":
    main()
