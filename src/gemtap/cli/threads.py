"""`gemtap threads`: lists conversations with their turns, tokens and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.printing import console, harmless, in_short, one_line, paged, print_json
from gemtap.cli.reading import Limit, PageCursor, checked, open_for_reading

if TYPE_CHECKING:
    from gemtap.stores.thread_list import ThreadItem

# Repeats `stores.thread_list`, to keep its import out of help texts.
_Sort = Literal["latest", "turns", "tokens", "cost"]


@app.command()
def threads(
    query: Annotated[
        list[str] | None,
        typer.Argument(metavar="[QUERY]...", help="Conditions that one interaction has to meet: see docs/queries.md."),
    ] = None,
    *,
    sort: Annotated[_Sort, typer.Option(help="Sort order, greatest first.")] = "latest",
    limit: Limit = 20,
    cursor: PageCursor = None,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """List conversations: their turns, tokens and cost.

    A thread is listed if one of its interactions fits, and counted whole. `gemtap ls --thread ID` lists its turns.

    Example: gemtap threads --sort cost since:30d

    Example: gemtap threads client:cline '"connection refused"' --json
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
        console().print("No conversation is recorded that fits.")
    else:
        with paged() as out:
            out.print(_table(page.items))
            if page.next:
                out.print(f"More of them: --cursor {page.next}", style="dim")


def _table(items: list[ThreadItem]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, width in (("thread", 24), ("last (UTC)", 19)):
        table.add_column(name, no_wrap=True, min_width=width)
    for name in ("turns", "tokens", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("client", "model", "asked first", "last answer"):
        table.add_column(name, no_wrap=True)
    for item in items:
        table.add_row(*_row(item))
    return table


def _row(item: ThreadItem) -> tuple[Text, ...]:
    return (
        harmless(str(item["id"])),
        harmless(f"{item['last_at']:%Y-%m-%d %H:%M:%S}"),
        harmless(f"{item['turns']:,}"),
        harmless("–" if item["tokens"] is None else in_short(item["tokens"])),
        Text("?", "dim") if item["cost"] is None else harmless(f"${item['cost']:,.2f}"),
        one_line(item["client"], 20),
        one_line(item["model"], 30),
        one_line(item["preview"]["prompt"], 40),
        one_line(item["preview"]["answer"], 40),
    )
