"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from bench.page import table
from bench.peers.field import Entry
from bench.peers.kept import NOTHING
from bench.peers.measure import STREAMS, Results

_COLUMNS: Final = (
    ("p50, 1 conn.", "p50, 1", " ms"),
    ("p99, 1 conn.", "p99, 1", " ms"),
    ("requests/s, 32 conn.", "requests/s, 32", ""),
    ("chunk p50", "chunk p50", " ms"),
    ("chunk p99", "chunk p99", " ms"),
    ("CPU per request", "cpu, 32", " µs"),
    ("memory", "memory", " MB"),
)

_RATIOS: Final = ("p50, 1", "p99, 1", "requests/s, 32", "chunk p50", "chunk p99")


def report(
    results: Results, entries: Sequence[Entry], facts: dict[str, str], *, rounds: int, seconds: int, load: float
) -> str:
    """The summary, all tables, the versions and the method."""
    measured = [entry for entry in entries if results.samples.median("p50, 1", entry.name) is not None]
    parts = [_summary(results, measured, load), _figures(results, measured), _kept(results, measured)]
    if results.troubles:
        lines = (f"- {name}: {why}." for name, why in results.troubles.items())
        parts.append("Not measured, or not wholly:\n\n" + "\n".join(lines))
    parts.append(_how(measured, facts, rounds, seconds))
    return "\n\n".join(parts)


def _summary(results: Results, measured: Sequence[Entry], load: float) -> str:
    gemtap = {figure: results.samples.median(figure, "Gemtap") for figure in _RATIOS}
    nginx = {figure: results.samples.median(figure, "nginx") for figure in _RATIOS}
    ratios = [
        f"{figure.partition(',')[0]} {mine / theirs:.2f} x"
        for figure in _RATIOS
        if (mine := gemtap[figure]) and (theirs := nginx[figure])
    ]
    keeping = [
        entry.name
        for entry in measured
        if entry.name != "Gemtap" and (kept := results.kept.get(entry.name)) and "no" not in (kept.request, kept.stream)
    ]
    lines = [
        f"Measured on {date.today().isoformat()}, all in one run, load average before it {load:.1f}. "
        f"Gemtap ÷ nginx, which keeps nothing: {', '.join(ratios)}."
    ]
    if mine := gemtap["requests/s, 32"]:
        beside = [
            f"{name} {mine / theirs:.1f} x"
            for name in keeping
            if (theirs := results.samples.median("requests/s, 32", name))
        ]
        if beside:
            lines.append(f"Gemtap's requests per second ÷ those of others that keep bodies: {', '.join(beside)}.")
    return " ".join(lines)


def _figures(results: Results, measured: Sequence[Entry]) -> str:
    rows = []
    for entry in measured:
        values = [(results.samples.median(figure, entry.name), unit) for _, figure, unit in _COLUMNS]
        rows.append([entry.name, *("" if value is None else f"{_number(value)}{unit}" for value, unit in values)])
    return table(["in between", *(title for title, _, _ in _COLUMNS)], rows)


def _kept(results: Results, measured: Sequence[Entry]) -> str:
    rows = []
    for entry in measured:
        if entry.name != "direct":
            kept = results.kept.get(entry.name, NOTHING)
            key = "in clear" if kept.key_in_clear else "no" if kept == NOTHING else "not in clear"
            rows.append([entry.name, kept.request, kept.response, kept.stream, key])
    return table(["keeps", "request body", "response body", "stream of 80 chunks", "API key"], rows)


def _how(measured: Sequence[Entry], facts: dict[str, str], rounds: int, seconds: int) -> str:
    started = "\n".join(
        f"- {entry.name}{f' {version}' if (version := entry.version()) else ''}: {entry.how}"
        for entry in measured
        if entry.name != "direct"
    )
    machine = "\n".join(f"- {name}: {value}" for name, value in facts.items() if name != "nginx")
    return f"""\
How each was started, with its version:

{started}

Machine:

{machine}

Method: all run at the same time beside one upstream and take turns in {rounds} rounds; the figures are medians.
Requests and streams are those of `make bench`: wrk for {seconds} s over 1 and over 32 connections, and {STREAMS}
streams of 80 chunks, one each 50 ms, the first 20 ms after the request. nginx is one process and Gemtap has one tap;
Go's programs use both cores. CPU is that of all processes of a proxy, at 32 connections, until it is at rest again;
memory is theirs after the requests. What is kept was looked up: a request and a stream with texts of their own went
through each proxy, and then all its files were read, with every value of its databases, decompressed. `exact bytes`:
the body as it was sent; `content`: every text of it, and of a stream the mark of every chunk; `part`: some of them.
Gemtap's bodies were read through its API, its files only for the key.

To reproduce: `make bench-peers`, under ten minutes on Linux. It writes this section."""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
