"""Charts of statistics, as numbers that each link to the interactions behind them.

A page shows them as tables; its script draws what stands in the tables, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

from gemtap.interaction import iso
from gemtap.stores.statistics import Bucket, By, StatRow
from gemtap.stores.statistics.aggregate import after

SHOWN_KEYS: Final = 7
"""Number of keys with a colour of their own. All other keys share one series."""

Unit = Literal["requests", "tokens", "dollars", "milliseconds", "percent"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The selection that a page of statistics shows, and the links into the list."""

    query: str
    """The query without its time range."""
    since: datetime | None
    until: datetime
    bucket: Bucket
    by: By

    def listed(self, *conditions: str, since: datetime | None = None, until: datetime | None = None) -> str:
        """Link to the list of the selected interactions that match further conditions."""
        start = since or self.since
        times = [f"since:{iso(start)}"] if start is not None else []
        times += [f"until:{iso(until)}"] if until is not None else []
        return "/interactions?" + urlencode({"q": " ".join(filter(None, [self.query, *conditions, *times]))})

    def in_bucket(self, start: datetime, *conditions: str) -> str:
        """Link to the list of one bucket."""
        return self.listed(*conditions, since=start, until=after(start, self.bucket))


def condition(field: str, value: str | None) -> str:
    """A condition of the query language: the field has this value, or no value if it is None."""
    if value is None:
        return f"-{field}:*"
    return f"{field}:{_quoted(value)}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Mark:
    """A number, and the link to the interactions behind it."""

    value: float | None
    href: str


@dataclass(frozen=True, slots=True)
class Series:
    """The marks of one series, in the order of the chart's buckets."""

    name: str
    colour: str
    """A class of the style sheet, such as `t-cached` or `k-1`."""
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart."""

    title: str
    kind: Literal["bars", "lines"]
    unit: Unit
    starts: tuple[datetime, ...]
    """Start of each bucket that has data."""
    series: tuple[Series, ...]


TokenKind = Literal["cached", "cache_write", "new", "tool_use", "reasoning", "output"]

TOKEN_SERIES: Final[tuple[tuple[TokenKind, str, str], ...]] = (
    ("cached", "cached input", "t-cached"),
    ("cache_write", "written to the cache", "t-cache-write"),
    ("new", "new input", "t-input"),
    ("tool_use", "tool use", "t-tool"),
    ("reasoning", "thinking", "t-reasoning"),
    ("output", "output", "t-output"),
)

CONTEXT_SERIES: Final[tuple[tuple[Literal["system", "tools", "media", "results", "history", "new"], str], ...]] = (
    ("system", "system instruction"),
    ("tools", "tool definitions"),
    ("media", "images and files"),
    ("results", "tool results"),
    ("history", "earlier messages"),
    ("new", "new messages"),
)


def charts_of(
    asked: Asked, over_time: Sequence[StatRow], by_key: Sequence[StatRow], keys: Sequence[str | None]
) -> list[Chart]:
    """All charts of a page. `over_time` has a row per bucket, `by_key` a row per bucket and key of `keys`."""
    starts = tuple(row["bucket"] for row in over_time if row["bucket"] is not None)
    return [
        Chart("Requests", "bars", "requests", starts, _by_key(asked, starts, by_key, keys, _requests)),
        Chart("Cost", "bars", "dollars", starts, _by_key(asked, starts, by_key, keys, lambda row: row["cost"] or 0)),
        Chart("Tokens by kind", "bars", "tokens", starts, _tokens(asked, over_time)),
        Chart("Sources of the input (estimated)", "bars", "tokens", starts, _context(asked, over_time)),
        Chart("Latency", "lines", "milliseconds", starts, _latency(asked, over_time, "duration")),
        Chart("Time to first byte", "lines", "milliseconds", starts, _latency(asked, over_time, "first_byte")),
        Chart("Cached share of the input", "lines", "percent", starts, _cache_share(asked, over_time)),
        Chart("Errors", "bars", "requests", starts, _errors(asked, over_time)),
    ]


def _requests(row: StatRow) -> float:
    return row["requests"]


def _by_key(
    asked: Asked,
    starts: Sequence[datetime],
    rows: Iterable[StatRow],
    keys: Sequence[str | None],
    value_of: Callable[[StatRow], float],
) -> tuple[Series, ...]:
    values: dict[tuple[datetime | None, str | None], float] = {}
    others: dict[datetime | None, float] = {}
    for row in rows:
        if row["key"] in keys:
            values[row["bucket"], row["key"]] = value_of(row)
        else:
            others[row["bucket"]] = others.get(row["bucket"], 0) + value_of(row)
    series = [
        Series(
            name_of(key),
            f"k-{number}",
            tuple(
                Mark(values.get((start, key), 0), asked.in_bucket(start, condition(asked.by, key))) for start in starts
            ),
        )
        for number, key in enumerate(keys, 1)
    ]
    if others:
        # The condition excludes the other keys. A missing value needs its own condition.
        none_of_these = [f"-{condition(asked.by, key)}" if key is not None else f"{asked.by}:*" for key in keys]
        marks = tuple(Mark(others.get(start, 0), asked.in_bucket(start, *none_of_these)) for start in starts)
        series.append(Series("others", "k-others", marks))
    return tuple(series)


def name_of(key: str | None) -> str:
    """The key as it is shown."""
    return "none" if key is None else key


def _bucketed(rows: Iterable[StatRow]) -> list[tuple[datetime, StatRow]]:
    return [(row["bucket"], row) for row in rows if row["bucket"] is not None]


def _tokens(asked: Asked, rows: Sequence[StatRow]) -> tuple[Series, ...]:
    def number(row: StatRow, kind: TokenKind) -> float:
        tokens = row["tokens"]
        if kind == "new":
            return max(tokens["input"] - tokens["cached"] - tokens["cache_write"], 0)
        return tokens[kind]

    return tuple(
        Series(name, colour, tuple(Mark(number(row, kind), asked.in_bucket(at)) for at, row in _bucketed(rows)))
        for kind, name, colour in TOKEN_SERIES
    )


def _context(asked: Asked, rows: Sequence[StatRow]) -> tuple[Series, ...]:
    return tuple(
        Series(name, f"k-{n}", tuple(Mark(row["context"][kind], asked.in_bucket(at)) for at, row in _bucketed(rows)))
        for n, (kind, name) in enumerate(CONTEXT_SERIES, 1)
    )


def _latency(asked: Asked, rows: Sequence[StatRow], field: Literal["duration", "first_byte"]) -> tuple[Series, ...]:
    series = []
    for name, colour in (("p50", "k-2"), ("p95", "k-4"), ("p99", "k-7")):
        marks = []
        for at, row in _bucketed(rows):
            values = row["duration_ms"] if field == "duration" else row["first_byte_ms"]
            value = {"p50": values["p50"], "p95": values["p95"], "p99": values["p99"]}[name]
            # A percentile links to the interactions that took at least as long.
            slow = () if value is None else (f"{field}:>={int(value)}ms",)
            marks.append(Mark(value, asked.in_bucket(at, *slow)))
        series.append(Series(name, colour, tuple(marks)))
    return tuple(series)


def _cache_share(asked: Asked, rows: Sequence[StatRow]) -> tuple[Series, ...]:
    marks = tuple(Mark(cache_share(row), asked.in_bucket(at, "cached:>0")) for at, row in _bucketed(rows))
    return (Series("from the cache", "t-cached", marks),)


def cache_share(row: StatRow) -> float | None:
    """Share of cached input tokens, in percent."""
    tokens = row["tokens"]
    return round(100 * tokens["cached"] / tokens["input"], 1) if tokens["input"] else None


def _errors(asked: Asked, rows: Sequence[StatRow]) -> tuple[Series, ...]:
    marks = tuple(Mark(row["errors"], asked.in_bucket(at, "error:yes")) for at, row in _bucketed(rows))
    return (Series("errors", "k-7", marks),)
