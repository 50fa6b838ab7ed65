"""`gemtap show` and `gemtap open`: one interaction, in the terminal or in the browser."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.health import ask, desk_url, running
from gemtap.cli.ids import InteractionId, resolve, unknown
from gemtap.cli.printing import harmless, paged, print_bytes, print_json
from gemtap.cli.reading import ending_text, open_for_reading
from gemtap.settings import SettingsError

if TYPE_CHECKING:
    from gemtap.interaction import Interaction
    from gemtap.stores.base import Store

Side = Literal["request", "response"]


@app.command()
def show(
    id_: InteractionId,
    as_json: AsJson = False,
    whole: Annotated[
        bool, typer.Option("--all", help="Also the messages that the client resent, and long results whole.")
    ] = False,
    raw: Annotated[Side | None, typer.Option("--raw", help="Print one body byte for byte.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Show one interaction as a conversation.

    Example: gemtap show last

    Example: gemtap show 66f1c0ffee0123456789abcd --raw response
    """
    if raw is not None and as_json:
        raise SettingsError("Give either --json or --raw.")
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    if raw is not None:
        print_bytes(open_for_reading(settings, lambda opened: _body(opened, id_, raw)))
        return
    document = open_for_reading(settings, lambda opened: _document(opened, id_))
    if as_json:
        from gemtap.interaction import to_json

        print_json(to_json(document))
        return
    with paged() as out:
        _print_document(out, document, whole=whole)


@app.command(name="open")
def open_page(
    id_: Annotated[
        str | None, typer.Argument(metavar="ID", help="An interaction, as for `gemtap show`. Default: the list.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Open an interaction, or the dashboard, in the browser.

    Example: gemtap open last
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    running_at = running(settings)
    health = desk_url(running_at, "/healthz")
    if ask(health).get("status") != "ok":
        raise Failed(f"The dashboard does not answer at {health}. Start it with `gemtap serve`.")
    path = "/"
    if id_ is not None:
        path = f"/interactions/{open_for_reading(settings, lambda opened: resolve(opened, id_))}"
    page = desk_url(running_at, path)
    print(page)
    webbrowser.open(page)


async def _document(store: Store, word: str) -> Interaction:
    document = await store.get(await resolve(store, word))
    if document is None:
        raise unknown(word)
    return document


async def _body(store: Store, word: str, side: Side) -> bytes:
    found = await store.raw(await resolve(store, word), side)
    if found is None:
        raise unknown(word)
    return found


def _print_document(out: Console, document: Interaction, *, whole: bool) -> None:
    from gemtap.cli.conversing import lines_of
    from gemtap.interaction import to_json

    shown = to_json(document)
    out.print(Text.assemble(harmless(document["model"] or document["operation"], "bold"), "  ", ending_text(shown)))
    for name, fact in _facts(shown):
        out.print(Text.assemble((f"{name:<9}", "dim"), harmless(fact)), soft_wrap=True)
    if document["error"] is not None:
        out.print(harmless(document["error"]["message"], "red"), soft_wrap=True)
    for line in lines_of(document, whole=whole):
        out.print(line, soft_wrap=True)


def _facts(shown: dict[str, Any]) -> list[tuple[str, str]]:
    from datetime import datetime

    tokens, cost, thread = shown["tokens"], shown["cost"], shown["thread"]
    counts = [
        f"{tokens[kind]:,} {name}"
        for kind, name in (("input", "input"), ("cached", "cached"), ("output", "output"), ("reasoning", "thinking"))
        if tokens[kind]
    ]
    duration = shown["request_duration_ms"]
    spent = [
        "" if cost is None or cost["usd"] is None else f"${cost['usd']:.6f}",
        "" if duration is None else f"{duration / 1000:.2f} s",
        shown["finish_reason"] or "",
    ]
    local = datetime.fromisoformat(shown["timestamp"]).astimezone()
    client = shown["client"]
    facts = [
        ("id", shown["id"]),
        ("time", f"{local:%Y-%m-%d %H:%M:%S %Z}"),
        ("request", f"{shown['request']['method']} {shown['request']['path']}"),
        ("client", " ".join(filter(None, (client["name"] or client["user_agent"], client["version"])))),
        ("thread", f"{thread['id']}, turn {thread['turn']}" if thread else ""),
        ("tokens", ", ".join(counts)),
        ("", "  ".join(filter(None, spent))),
        ("tags", ", ".join(shown["tags"])),
        ("rating", shown["rating"] or ""),
        ("note", shown["note"] or ""),
    ]
    return [(name, fact) for name, fact in facts if fact]
