"""`gemtap searches`: the searches that people saved, here or in the dashboard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.printing import console, harmless, one_line, paged, print_json
from gemtap.cli.query_command import QueryCommand
from gemtap.cli.reading import open_for_reading, open_for_writing, unknown_search
from gemtap.cli.tables import Column, room_in, table_of
from gemtap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from gemtap.stores.base import Store

searches_app = typer.Typer(invoke_without_command=True)
app.add_typer(searches_app, name="searches")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the saved search.")]


class _Flags(NamedTuple):
    config: Path | None
    data_dir: Path | None
    store: str | None

    def settings(self) -> Settings:
        return settings_of({"data_dir": self.data_dir, "store": self.store}, self.config).settings


@searches_app.callback()
def searches(
    context: typer.Context,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """List the saved searches. `gemtap ls --saved NAME` uses one.

    Example: gemtap searches
    """
    context.obj = _Flags(config, data_dir, store)
    if context.invoked_subcommand is not None:
        return
    from gemtap.interaction import to_json

    found = open_for_reading(context.obj.settings(), lambda opened: opened.searches.all())
    if as_json:
        print_json({"items": [to_json(each) for each in found]})
    elif not found:
        console().print("No saved searches. `gemtap searches save NAME QUERY` saves one.")
    else:
        with paged() as out:
            width, longest = room_in(out, wide=False)
            columns = (Column("name", 0), Column("query", 1, "text"))
            rows = [(harmless(each["name"]), one_line(each["query"], longest)) for each in found]
            out.print(table_of(columns, rows, width))


@searches_app.command(cls=QueryCommand)
def save(
    context: typer.Context,
    name: Name,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="Words and conditions: see docs/queries.md.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace a search with this name.")] = False,
) -> None:
    """Save a search under a name.

    Example: gemtap searches save slow 'duration:>30s since:7d'

    Put `--` before a negated word: gemtap searches save others -- -timeout
    """
    from gemtap.stores import saved_searches

    async def run(store: Store) -> None:
        search = saved_searches.checked_search(name, " ".join(query))
        try:
            await saved_searches.save(store.searches, search, replace=replace)
        except saved_searches.NameTaken as exc:
            raise SettingsError(f"{exc} --replace replaces it.") from None

    _change(context, run)


@searches_app.command()
def rename(
    context: typer.Context,
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its new name.")],
) -> None:
    """Give a saved search another name.

    Example: gemtap searches rename slow 'slow this week'
    """
    from gemtap.stores.saved_searches import checked_name

    async def run(store: Store) -> None:
        if not await store.searches.rename(name, checked_name(new_name)):
            raise await unknown_search(store, name)

    _change(context, run)


@searches_app.command()
def delete(context: typer.Context, name: Name) -> None:
    """Delete a saved search.

    Example: gemtap searches delete slow
    """

    async def run(store: Store) -> None:
        if not await store.searches.delete(name):
            raise await unknown_search(store, name)

    _change(context, run)


def _change(context: typer.Context, work: Callable[[Store], Awaitable[Any]]) -> None:
    """Do this with the store. Raises SettingsError for a search that cannot be saved."""
    from gemtap.stores.saved_searches import BadSearch

    flags: _Flags = context.obj
    try:
        open_for_writing(flags.settings(), work)
    except BadSearch as exc:
        raise SettingsError(str(exc)) from None
