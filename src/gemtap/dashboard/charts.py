"""Charts of statistics, as numbers that each link to the interactions behind them.

The page has the numbers for its script, which draws them. A page of its own shows those of one chart as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

from gemtap.interaction import Json, iso
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
class Series:
    """The values of one series, in the order of the chart's buckets, and what leads to the interactions behind them."""

    name: str
    colour: str
    """A class of the style sheet, such as `t-cached` or `k-1`."""
    values: tuple[float | None, ...]
    conditions: str = ""
    """What else than being in the bucket is true of these interactions, in the query language."""
    at_least: str = ""
    """The field of which the values are percentiles: only interactions with at least the value are listed."""

    def link(self, asked: Asked, start: datetime, value: float) -> str:
        """Link to the list of the interactions behind one value. The page's script makes the same of `to_script`."""
        slow = f"{self.at_least}:>={int(value)}ms" if self.at_least else ""
        return asked.in_bucket(start, self.conditions, slow)

    def to_script(self) -> dict[str, Json]:
        """The series for the page's script. Values are rounded to what a chart can show."""
        values: list[Json] = [value if value is None else _rounded(value) for value in self.values]
        told: dict[str, Json] = {"name": self.name, "colour": self.colour, "values": values}
        return told | {k: v for k, v in (("conditions", self.conditions), ("at_least", self.at_least)) if v}


def _rounded(value: float) -> float:
    """Integers as they are, other values with the digits that a chart shows: a page has thousands of them."""
    return round(value) if isinstance(value, int) or value >= _WHOLE else float(f"{value:.4g}")


_WHOLE: Final = 100
"""Value from which a chart shows no fraction."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart."""

    name: str
    """Its name in links."""
    title: str
    kind: Literal["bars", "lines"]
    unit: Unit
    starts: tuple[datetime, ...]
    """Start of each bucket that has data."""
    series: tuple[Series, ...]

    def to_script(self) -> list[Json]:
        """The series for the page's script."""
        return [series.to_script() for series in self.series]

    def starts_to_script(self) -> list[Json]:
        """The starts for the page's script, in UTC."""
        return [f"{start:%Y-%m-%dT%H:%M:%S}" for start in self.starts]


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
    over_time = [row for row in over_time if row["bucket"] is not None]
    return [
        Chart("requests", "Requests", "bars", "requests", starts, _by_key(asked, starts, by_key, keys, _requests)),
        Chart(
            "cost",
            "Cost",
            "bars",
            "dollars",
            starts,
            _by_key(asked, starts, by_key, keys, lambda row: row["cost"] or 0),
        ),
        Chart("tokens", "Tokens by kind", "bars", "tokens", starts, _tokens(over_time)),
        Chart("sources", "Sources of the input (estimated)", "bars", "tokens", starts, _context(over_time)),
        Chart("latency", "Latency", "lines", "milliseconds", starts, _latency(over_time, "duration")),
        Chart("first-byte", "Time to first byte", "lines", "milliseconds", starts, _latency(over_time, "first_byte")),
        Chart("cached", "Cached share of the input", "lines", "percent", starts, _cache_share(over_time)),
        Chart("errors", "Errors", "bars", "requests", starts, _errors(over_time)),
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
            tuple(values.get((start, key), 0) for start in starts),
            condition(asked.by, key),
        )
        for number, key in enumerate(keys, 1)
    ]
    if others:
        # The condition excludes the other keys. A missing value needs its own condition.
        none_of_these = [f"-{condition(asked.by, key)}" if key is not None else f"{asked.by}:*" for key in keys]
        counted = tuple(others.get(start, 0) for start in starts)
        series.append(Series("others", "k-others", counted, " ".join(none_of_these)))
    return tuple(series)


def name_of(key: str | None) -> str:
    """The key as it is shown."""
    return "none" if key is None else key


def _tokens(rows: Sequence[StatRow]) -> tuple[Series, ...]:
    def number(row: StatRow, kind: TokenKind) -> float:
        tokens = row["tokens"]
        if kind == "new":
            return max(tokens["input"] - tokens["cached"] - tokens["cache_write"], 0)
        return tokens[kind]

    return tuple(Series(name, colour, tuple(number(row, kind) for row in rows)) for kind, name, colour in TOKEN_SERIES)


def _context(rows: Sequence[StatRow]) -> tuple[Series, ...]:
    return tuple(
        Series(name, f"k-{n}", tuple(row["context"][kind] for row in rows))
        for n, (kind, name) in enumerate(CONTEXT_SERIES, 1)
    )


def _latency(rows: Sequence[StatRow], field: Literal["duration", "first_byte"]) -> tuple[Series, ...]:
    told = [row["duration_ms"] if field == "duration" else row["first_byte_ms"] for row in rows]
    return (
        Series("p50", "k-2", tuple(each["p50"] for each in told), at_least=field),
        Series("p95", "k-4", tuple(each["p95"] for each in told), at_least=field),
        Series("p99", "k-7", tuple(each["p99"] for each in told), at_least=field),
    )


def _cache_share(rows: Sequence[StatRow]) -> tuple[Series, ...]:
    return (Series("from the cache", "t-cached", tuple(map(cache_share, rows)), "cached:>0"),)


def cache_share(row: StatRow) -> float | None:
    """Share of cached input tokens, in percent."""
    tokens = row["tokens"]
    return round(100 * tokens["cached"] / tokens["input"], 1) if tokens["input"] else None


def _errors(rows: Sequence[StatRow]) -> tuple[Series, ...]:
    return (Series("errors", "k-7", tuple(row["errors"] for row in rows), "error:yes"),)
