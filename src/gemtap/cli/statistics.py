"""`gemtap stats`: requests, tokens, cost and latency by model or another field, with small charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.other_models import print_other_models
from gemtap.cli.printing import console, dollars, in_short, one_line, paged, print_json
from gemtap.cli.query_command import QueryCommand
from gemtap.cli.reading import checked, open_for_reading
from gemtap.cli.tables import Cell, Column, Wide, room_in, table_of
from gemtap.settings import SettingsError

if TYPE_CHECKING:
    from gemtap.settings_loading import Loaded
    from gemtap.stores.base import Store
    from gemtap.stores.statistics import Bucket, StatRow

# Repeats `stores.statistics`, to keep its import out of help texts.
_By = Literal[
    "model", "client", "key", "operation", "provider", "outcome", "thread", "status", "user", "finish_reason", "tool"
]  # fmt: skip
_Bucket = Literal["minute", "hour", "day", "week", "month"]
_Chart = Literal["requests", "errors", "tokens", "cost", "duration"]

_BAR: Final = 24
"""Width of a bar, in columns."""

_LONGEST: Final = 60
"""Maximum width of a sparkline, in columns. Only the last buckets are shown."""

_LEVELS: Final = "▁▂▃▄▅▆▇█"

_FORMATS: Final[dict[str | None, str]] = {"minute": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:00", "month": "%Y-%m"}


@app.command(cls=QueryCommand)
def stats(
    query: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUERY", help="Conditions, such as status:4xx since:7d: see docs/queries.md."),
    ] = None,
    *,
    by: Annotated[_By | None, typer.Option(help="One row for each value of this field. Default: model.")] = None,
    bucket: Annotated[
        _Bucket | None,
        typer.Option(help="One row for each minute (of at most 48 hours), hour, day, week or month, in UTC."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Show what the same tokens would cost on this model. Can be repeated."),
    ] = None,
    chart: Annotated[_Chart | None, typer.Option(help="The value that charts show. Default: requests.")] = None,
    wide: Wide = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Count requests, errors, tokens, cost and time.

    Example: gemtap stats since:30d

    Example: gemtap stats 'model:gemini-2.5-* since:2026-03' --bucket day --chart cost

    Example: gemtap stats since:7d --by client --bucket day

    `--by tool` counts the calls of tools, their results, how many of these failed, the time from a call until its
    result, and the cost of the requests that bring results. The formats of OpenAI and Ollama do not say whether a tool
    failed: `?`.

    Example: gemtap stats since:7d --by tool

    `--compare` assumes the same tokens, at list prices for text without long-context tiers and discounts.

    Example: gemtap stats since:7d --compare gpt-5 --compare gemini-2.5-flash

    Example: gemtap stats --by model --bucket month --json | jq '.rows[].cost'

    Put `--` before a negated word: gemtap stats -- -timeout
    """
    from gemtap.api_schema import StatisticsQuery, statistics_as_json

    if compare:
        if by is not None or bucket is not None:
            raise SettingsError("Bad flag --compare: it shows totals. Leave out --by and --bucket.")
        print_other_models(query, compare, as_json, settings_of({"data_dir": data_dir, "store": store}, config))
        return
    # Who asks for a chart gets one; else narrow terminals show figures in its place.
    chart_rank, chart = 9 if chart is None else 2, chart or "requests"
    if by == "tool":
        _print_tools(query, bucket, chart, wide, as_json, settings_of({"data_dir": data_dir, "store": store}, config))
        return
    if by is None and bucket is None:
        by = "model"
    wanted = {"by": by, "bucket": bucket, "q": " ".join(query) if query else None}
    asked = checked(StatisticsQuery, wanted)

    async def read(opened: Store) -> tuple[Sequence[StatRow], Sequence[StatRow]]:
        where = asked.where()
        rows = await opened.statistics(where, bucket=bucket, by=by)
        # Percentiles of the whole period cannot be computed from those of its buckets.
        both = by is not None and bucket is not None and not as_json
        return rows, await opened.statistics(where, by=by) if both else []

    rows, whole = open_for_reading(settings_of({"data_dir": data_dir, "store": store}, config).settings, read)
    if as_json:
        print_json(statistics_as_json(rows))
    elif not rows:
        console().print("No matching interactions.")
    elif by is not None and bucket is not None:
        with paged(wide=wide) as out:
            out.print(_lines(rows, whole, by, bucket, chart, room_in(out, wide=wide)[0]))
            _explain_costs(out, whole)
    else:
        with paged(wide=wide) as out:
            out.print(_bars(rows, by or bucket or "", bucket, chart, room_in(out, wide=wide)[0], chart_rank))
            _explain_costs(out, rows)


def _print_tools(
    query: list[str] | None, bucket: str | None, chart: _Chart, wide: bool, as_json: bool, loaded: Loaded
) -> None:
    from gemtap.api_schema import ToolsQuery, tools_as_json
    from gemtap.cli.tool_statistics import TOOL_CHARTS, tool_table

    if bucket is not None:
        raise SettingsError("Bad flag --bucket: tools are not counted by period. Leave it out, or choose another --by.")
    if chart not in TOOL_CHARTS:
        raise SettingsError(f"Bad flag --chart: tools have {', '.join(TOOL_CHARTS)}.")
    asked = checked(ToolsQuery, {"q": " ".join(query) if query else None})
    rows = open_for_reading(loaded.settings, lambda opened: opened.tools(asked.where()))
    if as_json:
        print_json(tools_as_json(rows))
    elif not rows:
        console().print("No matching interactions use tools.")
    else:
        with paged(wide=wide) as out:
            out.print(tool_table(rows, chart, room_in(out, wide=wide)[0]))


def _bars(
    rows: Sequence[StatRow], name: str, bucket: Bucket | None, chart: _Chart, width: int | None, chart_rank: int
) -> Table:
    """One row per group, with a bar relative to the greatest."""
    greatest = max(_charted(row, chart) for row in rows)
    labels = [_key(row) if bucket is None else Text(_moment(row["bucket"], bucket)) for row in rows]
    bars = [Bar(greatest or 1, 0, _charted(row, chart), width=_BAR, color="cyan") for row in rows]
    return _table(name, chart, rows, labels, bars, width, chart_rank=chart_rank)


def _lines(
    rows: Sequence[StatRow],
    whole: Sequence[StatRow],
    by: str,
    bucket: Bucket,
    chart: _Chart,
    width: int | None,
) -> Table:
    """One row per value of the field, with a sparkline over the buckets."""
    from gemtap.stores.statistics.aggregate import buckets_between

    moments = [row["bucket"] for row in rows if row["bucket"] is not None]
    shown = buckets_between(min(moments), max(moments), bucket)[-_LONGEST:]
    found = {(row["bucket"], row["key"]): _charted(row, chart) for row in rows}
    values = {row["key"]: [found.get((moment, row["key"]), 0) for moment in shown] for row in whole}
    greatest = max(max(each) for each in values.values())
    lines = [Text(_line(values[row["key"]], greatest), "cyan") for row in whole]
    span = f"{_moment(shown[0], bucket)} to {_moment(shown[-1], bucket)}"
    title = f"{chart} by {bucket}"
    # On a terminal, a wide heading would leave the chart no room.
    heading = f"{title}, {span}" if width is None else title
    table = _table(by, heading, whole, [_key(row) for row in whole], lines, width, chart_rank=2)
    if width is not None:
        table.caption = Text(f"{title}: {span} (UTC)", "dim")
        table.caption_justify = "left"
    return table


def _table(
    name: str,
    chart: str,
    rows: Sequence[StatRow],
    labels: Sequence[Text],
    charts: Sequence[Cell],
    width: int | None,
    *,
    chart_rank: int,
) -> Table:
    columns = (
        Column(name, 0, "text"),
        *(Column(title, rank, "number") for title, rank in _FIGURES),
        Column(chart, chart_rank),
    )
    cells = [[label, *_cells(row), chart] for row, label, chart in zip(rows, labels, charts, strict=True)]
    return table_of(columns, cells, width)


_FIGURES: Final = (
    ("requests", 1),
    ("errors", 3),
    ("input", 4),
    ("cached", 6),
    ("written", 8),
    ("output", 4),
    ("cost", 2),
    ("median s", 5),
    ("p95 s", 7),
    ("first byte s", 10),
)
"""The titles of the figures, and the order in which narrow terminals show them."""


def _cells(row: StatRow) -> list[Text]:
    tokens, errors = row["tokens"], row["errors"]
    return [
        Text(f"{row['requests']:,}"),
        Text(f"{errors:,}", "red" if errors else "dim"),
        Text(in_short(tokens["input"])),
        Text(in_short(tokens["cached"])),
        Text(in_short(tokens["cache_write"])),
        Text(in_short(tokens["output"] + tokens["reasoning"])),
        _dollars(row),
        Text(_seconds(row["duration_ms"]["p50"])),
        Text(_seconds(row["duration_ms"]["p95"])),
        Text(_seconds(row["first_byte_ms"]["p50"])),
    ]


def _key(row: StatRow) -> Text:
    return Text("none", "dim") if row["key"] is None else one_line(row["key"], 40)


def _moment(moment: datetime | None, bucket: Bucket | None) -> str:
    assert moment is not None
    return moment.strftime(_FORMATS.get(bucket, "%Y-%m-%d"))


def _dollars(row: StatRow) -> Text:
    """The cost. A plus means that more requests lack a cost than failed."""
    if row["cost"] is None:
        return Text("? ", "dim")
    return Text(dollars(row["cost"]) + ("+" if _lacks_costs(row) else " "))


def _lacks_costs(row: StatRow) -> bool:
    return row["cost"] is not None and row["priced"] < row["requests"] - row["errors"]


def _explain_costs(out: Console, rows: Sequence[StatRow]) -> None:
    """On a terminal, say what the plus means, if a row has one."""
    if out.is_terminal and any(map(_lacks_costs, rows)):
        out.print("+: some requests have no known cost, and are not in this.", style="dim")


def _seconds(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.2f}"


_CHARTED: Final[dict[str, Callable[[StatRow], float]]] = {
    "requests": lambda row: row["requests"],
    "errors": lambda row: row["errors"],
    "tokens": lambda row: row["tokens"]["total"],
    "cost": lambda row: row["cost"] or 0,
    "duration": lambda row: row["duration_ms"]["p50"] or 0,
}


def _charted(row: StatRow, chart: _Chart) -> float:
    return _CHARTED[chart](row)


def _line(values: Sequence[float], greatest: float) -> str:
    """A sparkline with one character per value; a space for zero."""
    last = len(_LEVELS) - 1
    return "".join(_LEVELS[round(value / greatest * last)] if value else " " for value in values)
