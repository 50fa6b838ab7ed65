"""Formats the results as the Markdown tables between the markers of docs/performance.md."""

from __future__ import annotations

from datetime import date
from typing import Final

from bench.gemtap import Kept
from bench.measure import BACKLOG_ROUNDS, BACKLOG_STREAMS, SECONDS, STARTS, STREAMS, UPLOADS
from bench.page import table
from bench.samples import Samples
from bench.traffic import CHUNK_EVERY, CHUNKS, answer_body, large_request_body, request_body

_REQUEST_KB: Final = len(request_body()) / 1000
_ANSWER_KB: Final = len(answer_body("x" * 32)) / 1000
_UPLOAD_MB: Final = len(large_request_body()) / 1e6
_RUNS: Final = " and ".join(f"{seconds} s over {count}" for count, seconds in SECONDS.items())

_METHOD: Final = f"""\
All three use the same upstream, run at the same time, and take turns in ROUNDS; the figures are medians.
Client, proxy and upstream share the machine's cores. There is one nginx process and one tap. Gemtap runs as
`gemtap serve` with all features: it captures each exchange on the disk and records it in SQLite, and the run fails
unless the store contains every answered request.

- **Requests**: wrk posts a `generateContent` call of {_REQUEST_KB:.1f} KB with an API key, for {_RUNS} connections; an
  nginx responds at once with {_ANSWER_KB:.1f} KB. All requests are equal; each response has its own `responseId`. The
  desk records at the same time.
- **CPU** is the CPU time of each process, from the start of a run until the last interaction is recorded.
- **Streams**: each has {CHUNKS} chunks, one every {CHUNK_EVERY * 1000:.0f} ms. A chunk contains its send time, which
  the client compares with its read time. First byte: from the request to the first chunk; the connection to the proxy
  is already open, but the proxy may still have to open its own to the upstream.
- **During a backlog**: {BACKLOG_STREAMS} streams of each while the desk records CAPTURES waiting captures, at most
  {BACKLOG_ROUNDS} times.
- **Upload**: {UPLOADS} requests of {_UPLOAD_MB:.0f} MB, one after another over one connection.
- **Start-up**: from the command to the first response of the tap, the median of {STARTS}.

To reproduce: `make bench`, about eight minutes on Linux. It writes this section.
"""


def report(
    samples: Samples, facts: dict[str, str], requests: Kept, streams: Kept, *, rounds: int, captures: int
) -> str:
    """All tables, the machine and the method."""
    machine = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    parts = [
        f"Measured on {date.today().isoformat()} with capturing and recording enabled.",
        _comparison(samples),
        "### CPU and memory\n\n" + _costs(samples),
        "### Recording\n\n" + _kept(samples, requests, streams),
        f"### Machine\n\n{machine}",
        "### Method\n\n"
        + _METHOD.replace("ROUNDS", "one round" if rounds == 1 else f"{rounds} rounds").replace(
            "CAPTURES", f"{captures:,}"
        ),
    ]
    return "\n\n".join(parts)


def _comparison(samples: Samples) -> str:
    """Each figure for all three contenders, and the ratios of Gemtap."""
    rows = []
    for label, figure, unit in _compared():
        direct, nginx, gemtap = (samples.median(figure, name) for name in ("direct", "nginx", "gemtap"))
        assert direct is not None
        assert nginx is not None
        assert gemtap is not None
        added = f"{gemtap - direct:+.2f}{unit}" if unit else ""
        values = [f"{_number(value)}{unit}" for value in (direct, nginx, gemtap)]
        rows.append([label, *values, added, f"{gemtap / direct:.2f}", f"{gemtap / nginx:.2f}"])
    return table(["", "direct", "nginx", "gemtap", "gemtap adds", "gemtap ÷ direct", "gemtap ÷ nginx"], rows)


def _compared() -> list[tuple[str, str, str]]:
    """Label, figure and unit of each row."""
    rows = []
    for connections in SECONDS:
        where = f"{connections} connection{'s' if connections > 1 else ''}"
        rows.append((f"requests/s, {where}", f"requests/s, {connections}", ""))
        rows += [(f"latency {p}, {where}", f"{p}, {connections}", " ms") for p in ("p50", "p99")]
    places = [(f"{streams:,} streams", str(streams)) for streams in STREAMS]
    for title, where in (*places, (f"{BACKLOG_STREAMS} streams during a backlog", "backlog")):
        for what in ("first byte", "chunk"):
            rows += [(f"{what} delay {p}, {title}", f"{what} {p}, {where}", " ms") for p in ("p50", "p99")]
    rows.append((f"{_UPLOAD_MB:.0f} MB request, p50", "upload", " ms"))
    return rows


def _costs(samples: Samples) -> str:
    """CPU time and memory of each process."""
    columns = [
        *[(f"CPU per request, {connections} conn.", f"cpu, {connections}", "µs") for connections in SECONDS],
        *[
            (f"memory {title} {after}", figure.format(after), "MB")
            for after in ("requests", "streams")
            for title, figure in (("after", "memory after {}"), ("peak,", "peak memory, {}"))
        ],
    ]
    rows = [
        [part, *(_cell(samples.median(figure, part), unit) for _, figure, unit in columns)]
        for part in samples.parts(columns[0][1])
    ]
    return table(["process", *(title for title, _, _ in columns)], rows)


def _kept(samples: Samples, requests: Kept, streams: Kept) -> str:
    """Recording rate and disk usage."""
    rows = [
        ["start-up to the first response", _cell(samples.median("start-up", "gemtap"), "s")],
        ["recording rate after a run", _cell(samples.median("recorded/s", "gemtap"), "/s")],
        ["recorded requests", f"{requests.interactions:,}"],
        ["bytes on the disk per request", f"{requests.bytes / requests.interactions:,.0f}"],
        ["recorded streams and uploads", f"{streams.interactions:,}"],
    ]
    return table(["", "gemtap"], rows)


def _cell(value: float | None, unit: str) -> str:
    return "" if value is None else f"{_number(value)} {unit}".replace(" /s", "/s")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
