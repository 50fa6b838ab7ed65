"""What access keys and limits cost the proxy, and what the time of a refusal tells: `python -m bench.access`.

The same head of a request is admitted in turns without access keys, as nearly every proxy runs, and with 100 of them.
Wrong keys that share more and more characters with a right one are refused in turns: if the time of a refusal grew with
them, a stranger could find a key one character after the other.

With limits, a request is admitted, its body of 1.8 kB or 100 kB is read, what it may use is reserved in the ledger that
two taps and a desk share, and its concurrent request is given back.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

from bench.page import table, write_between_markers
from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import KeyList, add
from gemtap.access.provider_keys import ProviderKeys
from gemtap.limits.ledger import DeskLedger, TapLedger
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import LimitList, Measure, parse_amount, parse_subject, put
from gemtap.limits.prices import Price, write_prices
from gemtap.providers.registry import PROVIDERS
from gemtap.settings import Providers
from gemtap.tap.admission import Admission, Admitted
from gemtap.tap.client_request import ClientHead
from gemtap.tap.destinations import Destinations, Place
from gemtap.tap.limiting import Limiter

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


class _Turn(NamedTuple):
    """One kind of request."""

    admission: Admission
    limiter: Limiter
    head: ClientHead
    place: Place
    body: bytes


def _microseconds(turn: _Turn) -> float:
    admission, limiter, head, place, body = turn
    # The CPU time of this thread excludes other load on the machine.
    began_at = time.thread_time()
    for _ in range(_TIMES):
        user = None
        if admission.is_on:
            admitted = admission.admit(head)
            user = admitted.user.name if isinstance(admitted, Admitted) else None
        if limiter.is_on:
            now = time.time()
            limited = limiter.begin(head, place, user, is_session=False)
            assert limited is not None
            limited.check(now)
            limited.reserve(body, len(body), now)
            limited.give_back()
    return (time.thread_time() - began_at) * 1e6 / _TIMES


_SET: Final[tuple[tuple[str, Measure, str], ...]] = (
    ("user-99", "requests", "1000M/day"),
    ("all", "concurrent", "1000"),
    ("model:gemini-*", "tokens", "1000000M/day"),
    ("client:google-genai*", "cost", "100000usd/month"),
)


def _limiter(data_dir: Path, count: int) -> Limiter:
    """The limiter of one of two taps, with a ledger that a desk settles; the first so many limits are set."""
    limits = LimitList()
    for subject, measure, text in _SET[:count]:
        limits = put(limits, parse_subject(subject), measure, *parse_amount(measure, text))
    LimitFile(data_dir).write(limits)
    if count:
        write_prices(data_dir, {"gemini": {"gemini-2.5-pro": Price(1.25, 10)}})
        TapLedger(data_dir)
        DeskLedger(data_dir)
    return Limiter(data_dir)


def _body(size: int) -> bytes:
    """A request of about so many bytes, in the shape of a conversation."""
    part = {"role": "user", "parts": [{"text": "Please read this file once more, and say what is wrong. " * 5}]}
    settings = {"maxOutputTokens": 2000}
    return json.dumps({"contents": [part] * max(1, size // 340), "generationConfig": settings}).encode("ascii")


def _wrong(key: str, shared: int) -> str:
    """A key that has its first characters in common with another one, and no more."""
    return key[:shared] + "".join("A" if each != "A" else "B" for each in key[shared:])


def measure(rounds: int, folder: Path) -> list[list[str]]:
    """A row for each kind of request."""
    (folder / "none").mkdir()
    (folder / "keys").mkdir()
    without, _ = _admission(folder / "none", 0)
    with_keys, key = _admission(folder / "keys", _USERS)
    for name in ("one", "four"):
        (folder / name).mkdir()
    no_limits, one, four = _limiter(folder / "none", 0), _limiter(folder / "one", 1), _limiter(folder / "four", 4)
    anybody, own = _head("AIzaSyBench-0123456789_abcdefghijklmnop"), _head(key)
    place = Destinations(Providers().upstreams(), {}).of(own.path)
    body = _body(1800)
    turns = {"no access keys": _Turn(without, no_limits, anybody, place, body)}
    turns["a valid key"] = _Turn(with_keys, no_limits, own, place, body)
    turns["a valid key, a limit of requests"] = _Turn(with_keys, one, own, place, body)
    turns["a valid key, limits of requests, concurrent requests, tokens and cost"] = _Turn(
        with_keys, four, own, place, body
    )
    turns["the same, a body of 100 kB"] = _Turn(with_keys, four, own, place, _body(100_000))
    for shared in _SHARED:
        wrong = _head(_wrong(key, shared))
        turns[f"a wrong key, its first {shared} characters right"] = _Turn(with_keys, no_limits, wrong, place, body)
    found: dict[str, list[float]] = {name: [] for name in turns}
    names = list(turns)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            found[name].append(_microseconds(turns[name]))
    one_key = median(found["a valid key"])
    return [
        [name, f"{median(found[name]):.2f} µs", _quartiles(found[name]), f"{median(found[name]) / one_key:.1f}"]
        for name in turns
    ]


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
            table(["request", "admission, median", "middle half", "÷ a valid key"], rows),
            f"{arguments.rounds} rounds of {_TIMES} requests each, in random order, {_USERS} users. Measured on "
            f"{datetime.now(UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.0f}. To reproduce: `make bench-access`.",
        ]
    )
    print(text)
    write_between_markers(arguments.page, text, part="bench-access")


if __name__ == "__main__":
    main()
