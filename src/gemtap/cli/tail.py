"""`gemtap tail`: follows new interactions as they are recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from gemtap.cli.app import AsJson, Config, DataDir, StoreUrl, app, settings_of
from gemtap.cli.printing import console, harmless, local_time, one_line
from gemtap.cli.reading import ending_text, open_for_reading

if TYPE_CHECKING:
    from gemtap.stores.base import Store

_EVERY: Final = 0.5
"""Seconds between polls of the store."""


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=500, help="Past interactions to print first.")] = 10,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Print interactions as they are recorded, and warnings of limits and unusual rates, until Ctrl-C.

    Example: gemtap tail --json | jq .tokens.total
    """
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings
    out = console()
    show: Callable[[dict[str, Any]], None] = _print_json if as_json else lambda item: _print_line(out, item)
    try:
        open_for_reading(settings, lambda opened: _follow(opened, lines, show))
    except KeyboardInterrupt:
        raise typer.Exit from None


async def _follow(store: Store, lines: int, show: Callable[[dict[str, Any]], None]) -> None:
    from gemtap.interaction import to_json

    async for item in _recorded(store, lines):
        show(to_json(item))


async def _recorded(store: Store, past: int) -> AsyncIterator[dict[str, Any]]:
    """The latest `past` interactions, oldest first, then each new one as it is recorded, without duplicates.

    Warnings come among them as events: they have a `kind`.
    """
    from gemtap.stores.base import Filter, StoreUnavailable
    from gemtap.stores.following import Follower
    from gemtap.stores.following_warnings import WarningFollower

    follower, warnings = Follower(store), WarningFollower(store)
    await follower.start()
    await warnings.look()
    latest = await store.list(Filter(), limit=past) if past else []
    for item in reversed(latest):
        follower.count_as_seen(item)
        yield item
    while True:
        try:
            async for item in follower.look():
                yield item
            for warning in await warnings.look():
                yield dict(warning)
        except StoreUnavailable:
            pass  # retried at the next poll, without a gap
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # PyMongo can turn a cancellation into an error of its own, which looks like an outage.
            raise asyncio.CancelledError
        await asyncio.sleep(_EVERY)


def _print_json(item: dict[str, Any]) -> None:
    print(json.dumps(item, ensure_ascii=False), flush=True)


def _print_line(out: Console, item: dict[str, Any]) -> None:
    if "kind" in item:
        _print_warning(out, item)
        return
    tokens, duration = item["tokens"], item["request_duration_ms"]
    answer = item["error"]["message"] if item["error"] else item["preview"]["answer"]
    out.print(
        Text.assemble(
            (local_time(item["timestamp"])[11:], "dim"),
            " ",
            ending_text(item),
            " ",
            one_line(item["model"] or item["operation"], 28),
            (f"  {_known(tokens['input'])} → {_known(tokens['output'])}", "cyan"),
            ("" if duration is None else f"  {duration / 1000:.1f} s", "dim"),
            "  ",
            one_line(item["preview"]["prompt"], 60),
            ("  ⇒  ", "dim") if answer else "",
            harmless(one_line(answer, 80).plain, "red" if item["error"] else ""),
        ),
        soft_wrap=not out.is_terminal,
        no_wrap=out.is_terminal,
        overflow="ellipsis",
    )


def _print_warning(out: Console, warning: dict[str, Any]) -> None:
    time = (local_time(warning["at"])[11:], "dim")
    out.print(Text.assemble(time, " ", ("WARNING", "bold yellow"), " ", harmless(warning["message"])), soft_wrap=True)


def _known(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"
