"""What access keys cost the proxy, and what the time of a refusal tells: `python -m bench.access`, a few seconds.

The same head of a request is admitted in turns without access keys, as nearly every proxy runs, and with 100 of them.
Wrong keys that share more and more characters with a right one are refused in turns: if the time of a refusal grew with
them, a stranger could find a key one character after the other.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from bench.page import table, write_between_markers
from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import KeyList, add
from gemtap.access.provider_keys import ProviderKeys
from gemtap.providers.registry import PROVIDERS
from gemtap.tap.admission import Admission
from gemtap.tap.client_request import ClientHead

_USERS: Final = 100
_SHARED: Final = (3, 8, 24, 45)
"""How many first characters of a wrong key are right, of 46. The first three, `gt_`, are no secret."""
_TIMES: Final = 200
"""Requests in each turn."""


def _admission(data_dir: Path, users: int) -> tuple[Admission, str]:
    """Admission with so many access keys, and the last of them."""
    keys, key = KeyList(), ""
    for number in range(users):
        keys, key = add(keys, f"user-{number}", "member", None, datetime.now(UTC))
    KeyFile(data_dir).write(keys)
    return Admission(Access(data_dir), ProviderKeys(None, {}, PROVIDERS)), key


def _head(key: str) -> ClientHead:
    headers = [
        (b"host", b"127.0.0.1:8080"),
        (b"content-type", b"application/json"),
        (b"user-agent", b"google-genai-sdk/2.0.0 gl-python/3.11"),
        (b"x-goog-api-client", b"google-genai-sdk/2.0.0 gl-python/3.11"),
        (b"x-goog-api-key", key.encode("ascii")),
        (b"content-length", b"1822"),
    ]
    path = b"/v1beta/models/gemini-2.5-pro:generateContent"
    return ClientHead("POST", path, b"", "1.1", headers, "127.0.0.1", "http", ("127.0.0.1", 8080))


def _microseconds(admission: Admission, head: ClientHead) -> float:
    began_at = time.perf_counter()
    for _ in range(_TIMES):
        if admission.is_on:
            admission.admit(head)
    return (time.perf_counter() - began_at) * 1e6 / _TIMES


def _wrong(key: str, shared: int) -> str:
    """A key that has its first characters in common with another one, and no more."""
    return key[:shared] + "".join("A" if each != "A" else "B" for each in key[shared:])


def measure(rounds: int, folder: Path) -> list[list[str]]:
    """A row for each kind of request."""
    (folder / "none").mkdir()
    (folder / "keys").mkdir()
    without, _ = _admission(folder / "none", 0)
    with_keys, key = _admission(folder / "keys", _USERS)
    turns = {"no access keys": (without, _head("AIzaSyBench-0123456789_abcdefghijklmnop"))}
    turns["a valid key"] = (with_keys, _head(key))
    for shared in _SHARED:
        turns[f"a wrong key, its first {shared} characters right"] = (with_keys, _head(_wrong(key, shared)))
    found: dict[str, list[float]] = {name: [] for name in turns}
    names = list(turns)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            found[name].append(_microseconds(*turns[name]))
    return [[name, f"{median(found[name]):.2f} µs", _quartiles(found[name])] for name in turns]


def _quartiles(values: list[float]) -> str:
    low, _, high = quantiles(values, n=4)
    return f"{low:.2f} to {high:.2f} µs"


def main() -> None:
    """Measure, print the table and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.access", description=__doc__)
    parser.add_argument("--rounds", type=int, default=301)
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), help="the page with the table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemtap-access-") as name:
        rows = measure(arguments.rounds, Path(name))
    text = "\n\n".join(
        [
            table(["request", "admission, median", "middle half"], rows),
            f"{arguments.rounds} rounds of {_TIMES} requests each, in random order, {_USERS} users. Measured on "
            f"{datetime.now(UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.0f}. To reproduce: `make bench-access`.",
        ]
    )
    print(text)
    write_between_markers(arguments.page, text, part="bench-access")


if __name__ == "__main__":
    main()
