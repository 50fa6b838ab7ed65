"""`gemtap replay`: sends a recorded request again."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from gemtap.addresses import has_password, mask
from gemtap.cli.app import AsJson, Config, DataDir, Failed, StoreUrl, app, settings_of
from gemtap.cli.comparing import answer_text, figures_of, print_side_by_side, text_so_far
from gemtap.cli.ids import InteractionId, resolve, unknown
from gemtap.cli.printing import console, harmless, print_json
from gemtap.cli.reading import open_for_writing
from gemtap.data_dir_lock import served_settings
from gemtap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from bson import ObjectId

    from gemtap.interaction import Interaction
    from gemtap.replay.request import Changes
    from gemtap.replay.sending import Replay
    from gemtap.stores.base import Store

_EVERY: Final = 0.1
"""Seconds between updates of the response on the terminal."""

_RECORDED_WITHIN: Final = 20.0
"""Seconds to wait until another process has recorded the replay."""


@app.command()
def replay(
    id_: InteractionId,
    model: Annotated[str | None, typer.Option(help="Use this model instead.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="Send it to this provider instead, with one of its models (--model).")
    ] = None,
    upstream: Annotated[str | None, typer.Option(metavar="URL", help="Send it to this URL instead.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the body: generationConfig.topK=1. Repeatable."),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show the old and the new response side by side.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    store: StoreUrl = None,
) -> None:
    """Send a recorded request again and record the result.

    Example: gemtap replay 66f1c0ffee0123456789abcd --set generationConfig.temperature=0 --diff

    With --provider the conversation is written as a request of that API. What it cannot hold, such as signatures of
    thoughts, tools that the old API ran and caches, is listed before the request is sent.

    It goes where the running `gemtap serve` sends requests of the provider, else where the settings say. If that is
    another host than the recorded request was sent to, only --upstream sends it.

    The key comes from the environment, from a variable such as GEMINI_API_KEY: `gemtap providers` lists them.
    Exit status 1 if the response is an error. --json prints the new interaction.
    """
    from gemtap.replay.request import CannotReplay

    changes = _changes(model, provider, upstream, set_ or [])
    settings = settings_of({"data_dir": data_dir, "store": store}, config).settings

    async def work(opened: Store) -> tuple[Interaction, Interaction]:
        known = await resolve(opened, id_)
        document, raw = await opened.get(known), await opened.raw(known, "request")
        if document is None or raw is None:
            raise unknown(id_)
        return document, await _replay(opened, settings, document, raw, changes, show=not (as_json or diff))

    try:
        old, new = open_for_writing(settings, work)
    except CannotReplay as exc:
        raise Failed(str(exc)) from exc
    _show(old, new, as_json=as_json, diff=diff)
    if new["error"] is not None:
        raise typer.Exit(1)


def _changes(model: str | None, provider: str | None, upstream: str | None, given: list[str]) -> Changes:
    from gemtap.replay.request import Changes, value_of

    values = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise SettingsError(f"Bad flag --set {each}: it must be NAME=VALUE, as generationConfig.temperature=0.")
        values[name] = value_of(value)
    if upstream is not None and not upstream.startswith(("http://", "https://")):
        raise SettingsError(
            f"Bad flag --upstream {mask(upstream)}: it must be like https://host or http://host:port/prefix."
        )
    return Changes(model, upstream, provider, values)


async def _replay(
    store: Store, settings: Settings, document: Interaction, raw: bytes, changes: Changes, *, show: bool
) -> Interaction:
    """Send the request, show the response as it arrives, and return the recorded interaction."""
    from gemtap.replay.request import request_of
    from gemtap.replay.sending import sender
    from gemtap.tap.errors import ExchangeFault

    wanted = None if changes.upstream is not None else changes.provider or document["provider"]
    request = request_of(document, raw, changes, _upstreams(settings, wanted))
    for each in request.lost:
        Console(stderr=True, highlight=False).print(harmless(f"Left out: {each}.", "yellow"), soft_wrap=True)
    shown = _Shown()
    async with sender(settings, os.environ) as sending:
        replayed = sending.begin(request)
        try:
            async for _ in replayed.run():
                if show and shown.is_due():
                    shown.show(await asyncio.to_thread(_so_far, replayed))
        except ExchangeFault:
            pass  # the interaction has the error
    new = await _recorded(store, settings, replayed.id)
    if show:
        shown.show(answer_text(new))
        print()
    return new


def _upstreams(settings: Settings, wanted: str | None) -> dict[str, str]:
    """The upstream of each provider: that of the running `gemtap serve`, else that of the settings.

    Raises Failed where that of the `wanted` one is not known here. What was recorded must not go to another host only
    because this command does not know the flags of that process.
    """
    found = settings.providers.upstreams()
    for name, value in served_settings(settings.data_dir).items():
        provider = name.removeprefix("providers.").removesuffix(".upstream")
        if name != f"providers.{provider}.upstream" or value == mask(found.get(provider, "")):
            continue
        if has_password(value) and provider == wanted:
            text = f"`gemtap serve` has another upstream for {provider}, with a password."
            raise Failed(f"{text} Give it with --upstream.")
        found[provider] = value
    return found


class _Shown:
    """Prints the text of a growing response."""

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._printed = 0

    def is_due(self) -> bool:
        """Whether the next update is due."""
        due = time.monotonic() - self._looked_at > _EVERY
        if due:
            self._looked_at = time.monotonic()
        return due

    def show(self, text: str) -> None:
        """Print the part of the text that is new."""
        console().print(harmless(text[self._printed :]), end="", soft_wrap=True)
        self._printed = max(self._printed, len(text))


def _so_far(replayed: Replay) -> str:
    """The text of the response so far, parsed from the capture, which works for every API."""
    from gemtap.providers.registry import PROVIDERS
    from gemtap.recorder.assemble import assemble

    record = assemble(replayed.captured(), id=replayed.id, recorded_at=datetime.now(UTC), providers=PROVIDERS)
    return text_so_far(record.document)


async def _recorded(store: Store, settings: Settings, id_: ObjectId) -> Interaction:
    """Wait until `gemtap serve` has recorded the interaction, or record it here if that is not running."""
    from gemtap.capture.capture_policy import SpoolLimits
    from gemtap.capture.spool import Spool
    from gemtap.providers.registry import PROVIDERS
    from gemtap.recorder.recorder import Recorder
    from gemtap.recorder.redact import redactor_of

    limits = SpoolLimits(settings.spool_max_bytes, settings.disk_min_free_bytes)
    redactor = redactor_of(settings)
    await Recorder(Spool(settings.spool_dir), store, PROVIDERS, limits, redactor).drain_if_alone()
    deadline = time.monotonic() + _RECORDED_WITHIN
    while (document := await store.get(id_)) is None:
        if time.monotonic() > deadline:
            raise Failed(
                f"It was sent, and its capture {id_} waits to be recorded: Gemtap serves, and records nothing now. "
                "`gemtap doctor` says why."
            )
        await asyncio.sleep(0.05)
    return document


def _show(old: Interaction, new: Interaction, *, as_json: bool, diff: bool) -> None:
    from gemtap.interaction import to_json

    if as_json:
        print_json(to_json(new))
        return
    if diff:
        print_side_by_side(old, new)
    err = Console(stderr=True, highlight=False)
    if new["error"] is not None:
        err.print(harmless(new["error"]["message"], "red"), soft_wrap=True)
    err.print(harmless(f"{new['_id']}  {figures_of(new)}", "dim"), soft_wrap=True)
