"""`gemtap ls` and `gemtap show`. They read the store directly, whether or not Gemtap is running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.printing import as_json as json_text
from gemtap.cli.printing import console, harmless, one_line, paged, print_bytes, print_json
from gemtap.settings import Settings, SettingsError
from gemtap.store_kinds import file_of

if TYPE_CHECKING:
    from bson import ObjectId

    from gemtap.stores.base import Filter, Store

Side = Literal["request", "response"]

InteractionId = Annotated[str, typer.Argument(metavar="ID", help="The interaction's id: see `gemtap ls`.")]

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Maximum number of results.")]
PageCursor = Annotated[str | None, typer.Option(help="`next` of the previous page.")]

T = TypeVar("T")


@app.command(name="ls")
def list_interactions(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUERY]...", help="Words and conditions, such as timeout since:7d: see docs/queries.md."
        ),
    ] = None,
    *,
    limit: Limit = 20,
    cursor: PageCursor = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation, such as generateContent.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only this outcome, such as complete.")] = None,
    status: Annotated[int | None, typer.Option(help="Only this HTTP status.")] = None,
    client: Annotated[str | None, typer.Option(help="Only this client.")] = None,
    thread: Annotated[str | None, typer.Option(help="Only this thread.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this time on (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this time (ISO 8601, UTC).")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """List interactions, newest first.

    Example: gemtap ls '"connection refused" model:gemini-2.5-* -client:cline since:7d'

    A query that begins with a minus goes behind two of them: gemtap ls -- -model:gemini-2.5-pro
    """
    from gemtap.api_schema import ListQuery, page_as_json
    from gemtap.stores.paging import page_of

    wanted = {
        "limit": limit,
        "cursor": cursor,
        "provider": provider,
        "model": model,
        "operation": operation,
        "outcome": outcome,
        "status": status,
        "client": client,
        "thread": thread,
        "since": since,
        "until": until,
        "q": " ".join(query) if query else None,
    }
    asked = checked(ListQuery, wanted)
    page = open_for_reading(
        settings_of({"data_dir": data_dir, "store": store}, config).settings,
        lambda opened: page_of(opened, asked.where(), limit=asked.limit, cursor=asked.cursor),
    )
    listed = page_as_json(page)
    if as_json:
        print_json(listed)
    elif not listed["items"]:
        console().print("Nothing is recorded that fits.")
    else:
        with paged() as out:
            out.print(table_of(listed["items"]))
            if listed["next"]:
                out.print(f"Older ones: --cursor {listed['next']}", style="dim")


def table_of(items: list[dict[str, Any]]) -> Table:
    """A table of list items."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, width in (("id", 24), ("time (UTC)", 19)):
        table.add_column(name, no_wrap=True, min_width=width)
    for name in ("client", "model", "asked", "answered"):
        table.add_column(name, no_wrap=True)
    for name in ("in", "out", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for item in items:
        table.add_row(*row_of(item))
    return table


def row_of(item: dict[str, Any]) -> tuple[Text, ...]:
    """The cells of one list item."""
    tokens, duration = item["tokens"], item["request_duration_ms"]
    answer = item["error"]["message"] if item["error"] else item["preview"]["answer"]
    return (
        harmless(item["id"]),
        harmless(item["timestamp"][:19].replace("T", " ")),
        one_line(item["client"]["name"], 20),
        one_line(item["model"] or item["operation"], 30),
        one_line(item["preview"]["prompt"], 40),
        one_line(answer, 40),
        harmless("" if tokens["input"] is None else str(tokens["input"])),
        harmless("" if tokens["output"] is None else str(tokens["output"])),
        harmless("" if duration is None else f"{duration / 1000:.2f}"),
        outcome_of(item),
    )


def outcome_of(item: dict[str, Any]) -> Text:
    """The status, and the outcome if it is not `complete`."""
    status = str(item["response"]["status"]) if item["response"] else "–"
    ending = "" if item["outcome"] == "complete" else " " + item["outcome"].replace("_", " ")
    failed = item["error"] is not None or ending
    return harmless(status + ending, "red" if failed else "green")


@app.command()
def show(
    id_: InteractionId,
    as_json: AsJson = False,
    raw: Annotated[Side | None, typer.Option("--raw", help="Print one body byte for byte.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Show one interaction.

    Example: gemtap show 66f1c0ffee0123456789abcd --raw response
    """
    if raw is not None and as_json:
        raise SettingsError("Give either --json or --raw.")
    known = known_id(id_)
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    if raw is not None:
        _print_bytes(settings, known, raw)
        return
    document = open_for_reading(settings, lambda opened: opened.get(known))
    if document is None:
        raise unknown(id_)

    from gemtap.interaction import to_json

    shown = to_json(document)
    if as_json:
        print_json(shown)
    else:
        with paged() as out:
            _print_document(out, shown)


def known_id(word: str) -> ObjectId:
    """Parse an id from the command line. Raises Failed if it is invalid."""
    from bson import ObjectId

    if not ObjectId.is_valid(word):
        raise Failed(f"{word} is no id of an interaction: those are 24 hexadecimal digits. `gemtap ls` lists them.")
    return ObjectId(word)


def unknown(id_: object) -> Failed:
    """The error for an unknown interaction."""
    return Failed(f"There is no interaction {id_}. `gemtap ls` lists them.")


def _print_bytes(settings: Settings, id_: ObjectId, side: Side) -> None:
    raw = open_for_reading(settings, lambda opened: opened.raw(id_, side))
    if raw is None:
        raise unknown(id_)
    print_bytes(raw)


def _print_document(out: Console, document: dict[str, Any]) -> None:
    title = harmless(document["model"] or document["operation"], "bold")
    out.print(Text.assemble(title, "  ", outcome_of(document)))
    bodies = {side: document[side] for side in ("request", "response")}
    head = {name: value for name, value in document.items() if name not in bodies}
    out.print(Text(json_text(head, indent=2)), soft_wrap=True)
    for side, part in bodies.items():
        out.print(Text(f"\n{side}", "bold"))
        if part is not None:
            shown = {name: value for name, value in part.items() if name != "chunks"}
            out.print(Text(json_text(shown, indent=2)), soft_wrap=True)


def checked(model: Callable[..., T], values: dict[str, Any]) -> T:
    """Create the model from flags and a query, without those that are None. Raises SettingsError."""
    from pydantic import ValidationError

    try:
        return model(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as exc:
        fault = exc.errors()[0]
        name, message = fault["loc"][-1], fault["msg"].removeprefix("Value error, ")
        raise SettingsError(f"Bad query: {message}" if name == "q" else f"Bad flag --{name}: {message}.") from None


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
        raise Failed(f"Nothing is recorded yet: there is no {path}. `gemtap serve` begins one.")
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
    except StoreError as exc:
        raise Failed(str(exc)) from exc
