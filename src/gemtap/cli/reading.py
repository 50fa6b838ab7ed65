"""`gemtap ls`, and reading the store, whether or not Gemtap is running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, get_args

import typer
from rich.table import Table
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.ids import SHORT, is_part, resolve_thread
from gemtap.cli.printing import console, dollars, harmless, local_time, one_line, paged, print_json, time_zone
from gemtap.cli.query_command import QueryCommand
from gemtap.cli.tables import Column, Wide, room_in, table_of
from gemtap.settings import Settings, SettingsError
from gemtap.store_kinds import file_of

if TYPE_CHECKING:
    from datetime import datetime

    from gemtap.stores.base import Filter, Store
    from gemtap.stores.paging import Page

NARROW: Final = 180
"""Columns of a terminal below which a table has short ids, times and endings, so that the texts have room."""

_SHORT_ENDING: Final = 20
"""Characters of `200 · stream error` and a few more."""

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Maximum number of results.")]
PageCursor = Annotated[str | None, typer.Option(help="`next` of the previous page.")]

T = TypeVar("T")


def _outcomes(beginning: str) -> list[str]:
    from gemtap.interaction import Outcome

    return [outcome.value for outcome in Outcome if outcome.startswith(beginning)]


def _sorts(beginning: str) -> list[str]:
    from gemtap.stores.sorting import ListSort

    return [sort for sort in get_args(ListSort) if sort.startswith(beginning)]


@app.command(name="ls", cls=QueryCommand)
def list_interactions(
    query: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUERY", help="Words and conditions, such as timeout since:7d: see docs/queries.md."),
    ] = None,
    *,
    limit: Limit = 20,
    cursor: PageCursor = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation, such as generateContent.")] = None,
    outcome: Annotated[
        str | None,
        typer.Option(help="Only this outcome, such as complete or interrupted.", autocompletion=_outcomes),
    ] = None,
    status: Annotated[int | None, typer.Option(help="Only this HTTP status.")] = None,
    client: Annotated[str | None, typer.Option(help="Only this client.")] = None,
    thread: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this thread: its id, or digits of it or of one of its turns.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only from this time on, such as 7d or 2026-03-14.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this time.")] = None,
    saved: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only matches of this saved search: see `gemtap searches`.")
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="newest or oldest first, or the greatest duration, input, output or cost first.",
            autocompletion=_sorts,
        ),
    ] = "newest",
    wide: Wide = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """List interactions, newest first unless `--sort` says otherwise.

    Example: gemtap ls --sort cost since:7d

    Example: gemtap ls '"connection refused" model:gemini-2.5-* -client:cline since:7d'

    Example: gemtap ls --saved slow

    Put `--` before a negated word: gemtap ls -- -timeout
    """
    from gemtap.api_schema import ListQuery, page_as_json
    from gemtap.stores.base import Filter
    from gemtap.stores.paging import page_of

    wanted = {
        "limit": limit,
        "cursor": cursor,
        "sort": sort,
        "provider": provider,
        "model": model,
        "operation": operation,
        "outcome": outcome,
        "status": status,
        "client": client,
        "thread": None if thread is not None and is_part(thread) else thread,
        "since": _moment("since", since),
        "until": _moment("until", until),
        "q": " ".join(query) if query else None,
    }
    asked = checked(ListQuery, wanted)

    async def read(opened: Store) -> Page:
        where = asked.where()
        if thread is not None and is_part(thread):
            where &= Filter(thread=await resolve_thread(opened, thread))
        if saved is not None:
            where &= filter_of(await saved_query(opened, saved))
        return await page_of(opened, where, limit=asked.limit, cursor=asked.cursor, sort=asked.sort)

    page = open_for_reading(settings_of({"data_dir": data_dir, "store": store}, config).settings, read)
    listed = page_as_json(page)
    if as_json:
        print_json(listed)
    elif not listed["items"]:
        console().print("No matching interactions.")
    else:
        with paged(wide=wide) as out:
            out.print(_table(listed["items"], *room_in(out, wide=wide)))
            if listed["next"]:
                out.print(f"Next page: --cursor {listed['next']}", style="dim", soft_wrap=True)


_COLUMNS: Final = (
    Column("id", 1),
    Column("time", 0),
    Column("client", 9),
    Column("model", 6, "text"),
    Column("prompt", 3, "text"),
    Column("response", 8, "text"),
    Column("status", 2),
    Column("input", 4, "number"),
    Column("output", 4, "number"),
    Column("cost", 5, "number"),
    Column("duration", 5, "number"),
)


def _table(items: list[dict[str, Any]], width: int | None, longest: int) -> Table:
    """A table of list items for a terminal of this width. Narrow ones get the last digits of ids and times of day."""
    narrow = width is not None and width < NARROW
    columns = [replace(each, title=f"time ({time_zone()})") if each.title == "time" else each for each in _COLUMNS]
    return table_of(columns, [_row(item, narrow=narrow, longest=longest) for item in items], width)


def _row(item: dict[str, Any], *, narrow: bool, longest: int) -> tuple[Text, ...]:
    tokens, duration, cost = item["tokens"], item["request_duration_ms"], item["cost"]
    answer = item["error"]["message"] if item["error"] else item["preview"]["answer"]
    return (
        harmless(item["id"][-SHORT:] if narrow else item["id"], "dim"),
        harmless(local_time(item["timestamp"], narrow=narrow)),
        one_line(item["client"]["name"], 20),
        one_line(item["model"] or item["operation"], 40),
        one_line(item["preview"]["prompt"], longest),
        one_line(answer, longest),
        ending_text(item, _SHORT_ENDING if narrow else None),
        harmless(_count(tokens["input"])),
        harmless(_count(tokens["output"])),
        harmless("" if cost is None or cost["usd"] is None else dollars(cost["usd"])),
        harmless("" if duration is None else f"{duration / 1000:.2f} s"),
    )


def ending_text(item: dict[str, Any], longest: int | None = None) -> Text:
    """The status, and what it does not say of the ending, in at most `longest` characters."""
    from gemtap.endings import ending_of

    ending = ending_of(item)
    text = str(ending) if longest is None else one_line(str(ending), longest).plain
    return harmless(text, {"good": "green", "mild": "yellow", "bad": "red"}[ending.grade])


def _moment(flag: str, text: str | None) -> datetime | None:
    """The beginning of a time as in queries. Raises SettingsError."""
    from datetime import UTC, datetime

    from gemtap.stores.query.values import BadValue, period

    try:
        return None if text is None else period(text, datetime.now(UTC))[0]
    except BadValue as exc:
        raise SettingsError(f"Bad flag --{flag}: {exc}") from exc


def _count(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"


def checked(model: Callable[..., T], values: dict[str, Any]) -> T:
    """Create the model from flags and a query, without those that are None. Raises SettingsError."""
    from pydantic import ValidationError

    from gemtap.faults import sentence_of

    try:
        return model(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as exc:
        fault = exc.errors()[0]
        name, message = fault["loc"][-1], sentence_of(fault)
        raise SettingsError(f"Bad query: {message}" if name == "q" else f"Bad flag --{name}: {message}") from None


async def saved_query(store: Store, name: str) -> str:
    """The query that was saved under this name. Raises Failed if there is none."""
    for each in await store.searches.all():
        if each["name"] == name:
            return each["query"]
    raise await unknown_search(store, name)


async def unknown_search(store: Store, name: str) -> Failed:
    """The error for a saved search that does not exist."""
    from difflib import get_close_matches

    near = get_close_matches(name, [each["name"] for each in await store.searches.all()], n=1)
    meant = f" Did you mean {near[0]!r}?" if near else " `gemtap searches` lists those that exist."
    return Failed(f"There is no saved search {name!r}.{meant}")


def filter_of(query: str) -> Filter:
    """Parse a query into a filter. Raises SettingsError."""
    from datetime import UTC, datetime

    from gemtap.stores.query.parsing import BadQuery, parse

    try:
        return parse(query, datetime.now(UTC))
    except BadQuery as exc:
        raise SettingsError(f"Bad query: {exc}") from None


def open_for_reading(settings: Settings, read: Callable[[Store], Awaitable[T]], *, prerelease: bool = False) -> T:
    """Run `read` with the store of the settings and return its result. The store must exist.

    If `prerelease`, accept an SQLite database from before the first release.
    """
    path = file_of(settings.store_url)
    if path is not None and not path.exists():
        raise Failed(f"Nothing is recorded yet: there is no {path}. `gemtap serve` creates it.")
    return _with_store(settings, read, prerelease=prerelease)


def open_for_writing(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` with the store of the settings and return its result. The store is created if needed."""

    async def opened(store: Store) -> T:
        await store.open()
        return await work(store)

    return _with_store(settings, opened)


def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]], *, prerelease: bool = False) -> T:
    from gemtap.stores.base import BadCursor, StoreError
    from gemtap.stores.opening import open_store
    from gemtap.stores.sorting import NotSortable

    async def run() -> T:
        # A client of PyMongo belongs to the event loop that it is created in. Opening the store would create indexes.
        try:
            store = open_store(settings.store_url, prerelease=prerelease)
        except ValueError as exc:
            raise SettingsError(f"Bad setting store: {exc}") from exc
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except BadCursor as exc:
        raise SettingsError(f"Bad flag --cursor: {exc}") from exc
    except NotSortable as exc:
        raise SettingsError(f"Bad flag --sort: {exc}") from exc
    except StoreError as exc:
        raise Failed(str(exc)) from exc
