"""`gemtap limits`: how many requests, tokens and dollars there may be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, cast

import typer
from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import KeyTable
from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.completion import one_of
from gemtap.cli.lists import Lists, with_lists
from gemtap.cli.printing import console, harmless, local_time, print_json, time_zone
from gemtap.cli.tables import Cell, Column, table_of
from gemtap.faults import not_one_of
from gemtap.limits.ledger import LedgerReader
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import (
    MEASURES,
    BadLimit,
    LimitList,
    Measure,
    Subject,
    parse_amount,
    parse_subject,
    put,
    remove,
)
from gemtap.limits.shown import by_subject, limit_to_json, used_of
from gemtap.limits.windows import SPANS, Span
from gemtap.settings import Settings, SettingsError

limits_app = typer.Typer(no_args_is_help=True)
app.add_typer(limits_app, name="limits")

Who = Annotated[
    str,
    typer.Argument(
        metavar="FOR",
        help="A user of `gemtap keys`, model:PATTERN such as model:gemini-*-pro, client:PATTERN, or all.",
    ),
]
Requests = Annotated[list[str] | None, typer.Option("--requests", metavar="60/minute", help="Requests in a window.")]
Concurrent = Annotated[str | None, typer.Option(metavar="8", help="Requests at the same time.")]
Tokens = Annotated[list[str] | None, typer.Option("--tokens", metavar="5M/day", help="Tokens in a window.")]
Cost = Annotated[list[str] | None, typer.Option("--cost", metavar="10usd/day", help="US dollars in a window.")]


@limits_app.callback()
def limits() -> None:
    """Limit requests, tokens and dollars, for everybody, a user, models or clients: docs/limits.md.

    Example: gemtap limits ls
    """


@limits_app.command("set")
def set_limits(
    who: Who,
    requests: Requests = None,
    concurrent: Concurrent = None,
    tokens: Tokens = None,
    cost: Cost = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Set limits, in force within a second. Windows: second, minute, hour, day, month. Options can be repeated.

    Example: gemtap limits set ana --requests 60/minute --cost 10usd/day --cost 100usd/month
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    amounts: dict[Measure, list[str]] = {
        "requests": requests or [],
        "concurrent": [] if concurrent is None else [concurrent],
        "tokens": tokens or [],
        "cost": cost or [],
    }
    if not any(amounts.values()):
        raise SettingsError("Give a limit: --requests 60/minute, --concurrent 8, --tokens 5M/day or --cost 10usd/day.")
    subject = _subject(who)
    parsed = [(measure, *_amount(measure, text)) for measure, texts in amounts.items() for text in texts]

    def change(before: LimitList) -> tuple[LimitList, None]:
        for measure, amount, span in parsed:
            before = put(before, subject, measure, amount, span)
        return before, None

    if amounts["cost"]:
        _write_prices(settings)
    shown = ", ".join(f"{measure} {text}" for measure, texts in amounts.items() for text in texts)

    async def work(lists: Lists) -> list[str]:
        await _change(settings, lists, change, f"set for {subject}: {shown}")
        return await _without_key(settings, lists, [subject])

    _tell_of(with_lists(settings, work))


@limits_app.command()
def unset(
    who: Who,
    measure: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(MEASURES), help="Only limits of this; else all of them.", autocompletion=one_of(MEASURES)
        ),
    ] = None,
    per: Annotated[
        str | None,
        typer.Option(metavar="|".join(SPANS), help="Only limits with this window.", autocompletion=one_of(SPANS)),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Remove limits of a user, of models, of clients, or of all.

    Example: gemtap limits unset ana --measure cost --per day
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    if measure is not None and measure not in MEASURES:
        raise SettingsError(f"Bad flag --measure: {not_one_of(measure, MEASURES)}")
    if per is not None and per not in SPANS:
        raise SettingsError(f"Bad flag --per: {not_one_of(per, SPANS)}")
    subject = _subject(who)

    def change(before: LimitList) -> tuple[LimitList, None]:
        after, _ = remove(before, subject, cast(Measure | None, measure), cast(Span | None, per))
        return after, None

    what = " of ".join(filter(None, [f"removed for {subject}", measure])) + (f" per {per}" if per else "")
    with_lists(settings, lambda lists: _change(settings, lists, change, what))


@limits_app.command("ls")
def list_limits(
    as_json: AsJson = False, config: Config = None, data_dir: DataDir = None, store: StoreUrl = None
) -> None:
    """List the limits, and how much of each is used in its present window.

    Example: gemtap limits ls
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings

    async def read(lists: Lists) -> tuple[LimitList, list[str]]:
        found = await lists.read(LimitFile(settings.data_dir))
        return found, [] if as_json else await _without_key(settings, lists, [each.subject for each in found.limits])

    found, unknown = with_lists(settings, read)
    now = time.time()
    try:
        with LedgerReader(settings.data_dir) as ledger:
            usages = by_subject([ledger.usage(each, now) for each in found.limits])
    except OSError as exc:
        raise Failed(f"How much is used cannot be read: {exc}.") from exc
    rows = [limit_to_json(each) for each in usages]
    if as_json:
        print_json({"limits": rows})
    elif not rows:
        console().print("There are no limits. `gemtap limits set all --cost 10usd/day` sets one.")
    else:
        out = console()
        out.print(_table(usages, rows, out.width))
        _tell_of(unknown)


_NARROW: Final = 120
"""Columns of a terminal below which windows end at a short time."""


def _table(usages: list[Usage], rows: list[dict[str, Any]], width: int) -> Table:
    columns = (
        Column("for", 0, "text"),
        Column("measure", 1),
        Column("limit", 1),
        Column("used", 2),
        Column("", 4),
        Column("", 1, "number"),
        Column(f"window ends ({time_zone()})", 3),
    )
    cells: list[list[Cell]] = [
        [
            harmless(row["subject"]),
            Text(row["measure"]),
            Text(row["limit"]),
            Text(used_of(usage)),
            Bar(100, 0, min(row["percent"], 100), width=12),
            Text(f"{row['percent']:.0f} %"),
            Text(local_time(row["ends"], narrow=width < _NARROW) if row["ends"] else ""),
        ]
        for usage, row in zip(usages, rows, strict=True)
    ]
    return table_of(columns, cells, width)


def _subject(who: str) -> Subject:
    try:
        return parse_subject(who)
    except BadLimit as exc:
        raise SettingsError(str(exc)) from exc


def _amount(measure: Measure, text: str) -> tuple[int, Span | None]:
    try:
        return parse_amount(measure, text)
    except BadLimit as exc:
        raise SettingsError(f"Bad flag --{measure}: {exc}") from exc


async def _without_key(settings: Settings, lists: Lists, subjects: Iterable[Subject]) -> list[str]:
    """The users among the subjects who have no access key."""
    names = dict.fromkeys(each.pattern for each in subjects if each.scope == "user")
    if not names:
        return []
    known = KeyTable((await lists.read(KeyFile(settings.data_dir))).keys)
    return [name for name in names if not known.has_name(name)]


def _tell_of(unknown: Iterable[str]) -> None:
    """A limit for somebody without an access key applies to no request, and looks as if it did."""
    for name in unknown:
        console().print(
            f"There is no access key for {name}, so these limits apply to no request yet. "
            f"Make one with: gemtap keys add {name}",
            highlight=False,
        )


def _write_prices(settings: Settings) -> None:
    """Taps reserve a part of a budget by prices from the first request on."""
    from gemtap.recorder.limit_prices import write_list_prices

    try:
        write_list_prices(settings.data_dir, settings.providers.definitions)
    except OSError as exc:
        raise Failed(f"The prices for limits of cost cannot be written: {exc}.") from exc


async def _change(
    settings: Settings, lists: Lists, change: Callable[[LimitList], tuple[LimitList, None]], what: str
) -> None:
    """Change the limits, and note it among the events."""
    from gemtap.incident import IncidentKind

    message = f"Limits {what}, on the command line."
    try:
        await lists.change(LimitFile(settings.data_dir), change, IncidentKind.LIMITS_CHANGED, message)
    except BadLimit as exc:
        raise Failed(str(exc)) from exc
