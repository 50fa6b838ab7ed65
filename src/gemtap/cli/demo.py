"""`gemtap demo`: runs Gemtap with simulated traffic, without an API key."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from gemtap.cli.app import Failed, app, settings_of
from gemtap.faults import not_one_of
from gemtap.providers.demo import Agents
from gemtap.providers.provider import Provider
from gemtap.providers.registry import PROVIDERS, demo_of
from gemtap.settings import Settings, SettingsError, address_of, dashboard_of

_PACE: Final = 0.05
"""Seconds between the chunks of a simulated response."""

_GRACE: Final = 2.0
"""Seconds that running responses have to finish at shutdown."""

_RECORDED_WITHIN: Final = 60.0
"""Seconds that recording has at the end, on a machine that does much else."""

_PAUSE: Final = 0.8
"""Mean time between the turns of an agent, in seconds."""


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="Port of the proxy. Default: 4360.")] = None,
    dashboard_port: Annotated[int | None, typer.Option(help="Port of the dashboard. Default: 4361.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="GEMTAP_DATA_DIR", help="Keep the data here. Default: deleted at the end."),
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(metavar="PROVIDER", help="The API that the agents use. Default: each that has agents."),
    ] = None,
    sessions: Annotated[int, typer.Option(min=1, help="Number of agent sessions.")] = 20,
    leave: Annotated[
        bool, typer.Option("--exit", help="Exit after the sessions instead of waiting for Ctrl-C.")
    ] = False,
) -> None:
    """Run Gemtap with simulated APIs and simulated agents; needs no API key.

    Example: gemtap demo --sessions 5
    """
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gemtap-demo-")))
        flags = {"port": port, "dashboard_port": dashboard_port, "data_dir": folder, "store": ""}
        asyncio.run(_run(settings_of(flags, None).settings, api, sessions, leave=leave))


def _agents(settings: Settings, api: str | None) -> list[tuple[Provider, Agents]]:
    """The providers that are shown, each with its agents. Raises Failed and SettingsError."""
    if api is not None and api not in PROVIDERS:
        raise SettingsError(f"Bad flag --api: {not_one_of(api, PROVIDERS)}")
    found = []
    for provider in [PROVIDERS[api]] if api is not None else PROVIDERS.values():
        demo = demo_of(provider)
        if demo is None:
            continue
        if (missing := demo.missing()) is not None:
            raise Failed(missing)
        origin = address_of(settings) if provider.wire.root_paths else f"{address_of(settings)}/{provider.wire.prefix}"
        agents = demo.agents(origin, seed=1, pause=_PAUSE, on_turn=lambda turn: print(f"  {turn}", flush=True))
        if agents is not None:
            found.append((provider, agents))
    if not found:
        raise Failed(f"The provider {api} has no agents for a demo. Run `gemtap demo` without --api.")
    return found


async def _run(settings: Settings, api: str | None, sessions: int, *, leave: bool) -> None:
    from gemtap.demo.upstream import SimulatedUpstream
    from gemtap.supervisor import CannotServe, Supervisor

    logging.basicConfig(level="WARNING", format="%(levelname)s %(message)s")
    shown = _agents(settings, api)
    async with AsyncExitStack() as stack:
        upstreams = {}
        for name, each in PROVIDERS.items():
            if demo_of(each) is not None:
                upstream = await stack.enter_async_context(SimulatedUpstream(pace=_PACE, remember=0, providers=[each]))
                upstreams[name] = upstream.origin
        settings = settings.model_copy(
            update={"providers": settings.providers.with_upstreams(upstreams), "shutdown_grace": _GRACE}
        )
        ready = asyncio.Event()
        supervisor = Supervisor(settings, on_ready=ready.set)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(supervisor.run())
                working = tasks.create_task(_work(settings, shown, sessions, ready))
                serving.add_done_callback(lambda _: working.cancel())
                if leave:
                    working.add_done_callback(lambda _: supervisor.stop())
        except* CannotServe as group:
            raise Failed(str(group.exceptions[0])) from None


async def _work(settings: Settings, shown: list[tuple[Provider, Agents]], sessions: int, ready: asyncio.Event) -> None:
    await ready.wait()
    dashboard = dashboard_of(settings)
    titles = " and ".join(provider.wire.title for provider, _ in shown)
    kind = "a simulated {} API" if len(shown) == 1 else "simulated APIs: {}"
    print(f"Simulated agents are using {kind.format(titles)}. Dashboard: {dashboard}\n", flush=True)
    async with asyncio.TaskGroup() as tasks:
        for number, (_, agents) in enumerate(shown):
            # Each has at least one, and the first what remains.
            share = max(sessions // len(shown), 1) + (
                sessions % len(shown) if number == 0 and sessions > len(shown) else 0
            )
            tasks.create_task(agents.work(share))
    print(
        f"\nThe agents are done. The dashboard stays at {dashboard} until Ctrl-C.\n"
        "For your own client: stop this, run `gemtap serve`, and follow `gemtap setup`.",
        flush=True,
    )
    await _recorded(dashboard)


async def _recorded(dashboard: str) -> None:
    """Wait until all that the agents sent is in the store, or until that takes too long."""
    # Its module is imported late, since commands are listed in the order of their imports.
    from gemtap.cli.health import ask

    deadline = time.monotonic() + _RECORDED_WITHIN
    while time.monotonic() < deadline:
        if (await asyncio.to_thread(ask, f"{dashboard}readyz")).get("backlog") == 0:
            return
        await asyncio.sleep(0.2)
