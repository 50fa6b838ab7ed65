"""`gemtap threads`: lists conversations with their turns, tokens and cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.table import Table
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.ids import SHORT
from gemtap.cli.printing import console, dollars, harmless, in_short, local_time, one_line, paged, print_json, time_zone
from gemtap.cli.query_command import QueryCommand
from gemtap.cli.reading import NARROW, Limit, PageCursor, checked, open_for_reading
from gemtap.cli.tables import Column, Wide, room_in, table_of

if TYPE_CHECKING:
    from gemtap.stores.thread_list import ThreadItem

# Repeats `stores.thread_list`, to keep its import out of help texts.
_Sort = Literal["latest", "turns", "tokens", "cost"]


_STYLES: Final[Mapping[str, str]] = {"failed": "red", "blocked": "red", "truncated": "yellow", "calling": "yellow"}


@app.command(cls=QueryCommand)
def threads(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUERY", help="Conditions that at least one interaction must match: see docs/queries.md."
        ),
    ] = None,
    *,
    sort: Annotated[_Sort, typer.Option(help="Sort order, greatest first.")] = "latest",
    limit: Limit = 20,
    cursor: PageCursor = None,
    wide: Wide = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """List conversations: their turns, tokens and cost.

    A thread is listed if one of its interactions matches; its figures cover all of its interactions.
    `gemtap ls --thread ID` lists its turns.

    Example: gemtap threads --sort cost since:30d

    Example: gemtap threads client:cline '"connection refused"' --json

    Put `--` before a negated word: gemtap threads -- -timeout
    """
    from gemtap.api_schema import ThreadsQuery, threads_as_json

    wanted = {"limit": limit, "cursor": cursor, "sort": sort, "q": " ".join(query) if query else None}
    asked = checked(ThreadsQuery, wanted)
    page = open_for_reading(
        settings_of({"data_dir": data_dir, "store": store}, config).settings,
        lambda opened: opened.threads(asked.where(), limit=asked.limit, sort=asked.sort, cursor=asked.cursor),
    )
    if as_json:
        print_json(threads_as_json(page))
    elif not page.items:
        console().print("No matching threads.")
    else:
        with paged(wide=wide) as out:
            out.print(_table(page.items, *room_in(out, wide=wide)))
            if page.next:
                out.print(f"Next page: --cursor {page.next}", style="dim", soft_wrap=True)


def _table(items: list[ThreadItem], width: int | None, longest: int) -> Table:
    columns = (
        Column("thread", 1),
        Column(f"last ({time_zone()})", 2),
        Column("requests", 1, "number"),
        Column("tokens", 3, "number"),
        Column("cost", 1, "number"),
        Column("client", 7),
        Column("model", 6, "text"),
        Column("state", 5),
        Column("first prompt", 0, "text"),
        Column("last response", 8, "text"),
    )
    narrow = width is not None and width < NARROW
    return table_of(columns, [_row(item, longest, narrow=narrow) for item in items], width)


def _row(item: ThreadItem, longest: int, *, narrow: bool) -> tuple[Text, ...]:
    from gemtap.stores.thread_list import STATE_WORDS

    return (
        harmless(str(item["id"])[-SHORT if narrow else 0 :], "dim"),
        harmless(local_time(item["last_at"].isoformat(), narrow=narrow)),
        harmless(f"{item['turns']:,}"),
        harmless("–" if item["tokens"] is None else in_short(item["tokens"])),
        Text("?", "dim") if item["cost"] is None else harmless(dollars(item["cost"])),
        one_line(item["client"], 20),
        one_line(item["model"], 40),
        harmless(STATE_WORDS[item["state"]], _STYLES.get(item["state"], "")),
        one_line(item["preview"]["prompt"], longest),
        one_line(item["preview"]["answer"], longest),
    )
