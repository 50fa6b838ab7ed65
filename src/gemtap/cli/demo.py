"""`gemtap demo`: runs Gemtap with simulated traffic, without an API key."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from gemtap.cli.app import Failed, app
from gemtap.settings import Settings, address_of, load, reachable_host

_PACE: Final = 0.05
"""Seconds between the chunks of a simulated response."""

_GRACE: Final = 2.0
"""Seconds that running responses have to finish at shutdown."""

_PAUSE: Final = 0.8
"""Mean time between the turns of an agent, in seconds."""


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="Port of the proxy. Default: 4360.")] = None,
    dashboard_port: Annotated[int | None, typer.Option(help="Port of the dashboard. Default: 4361.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Keep what is recorded here. Default: nowhere.")] = None,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions of the agents.")] = 20,
    leave: Annotated[
        bool, typer.Option("--exit", help="End when they are over, instead of waiting for Ctrl-C.")
    ] = False,
) -> None:
    """Show Gemtap at work without an API key: a simulated Gemini API, and agents that use it through the proxy.

    Example: gemtap demo --sessions 5
    """
    if importlib.util.find_spec("google.genai") is None:
        raise Failed("The demo's agents use Google's SDK: pip install 'gemtap[demo]', or `make demo`.")
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gemtap-demo-")))
        flags = {"port": port, "dashboard_port": dashboard_port, "data_dir": folder, "store": ""}
        asyncio.run(_run(load(flags).settings, sessions, leave=leave))


async def _run(settings: Settings, sessions: int, *, leave: bool) -> None:
    from gemtap.demo.upstream import SimulatedGemini
    from gemtap.settings import ProviderSettings
    from gemtap.supervisor import CannotServe, Supervisor

    logging.basicConfig(level="WARNING", format="%(levelname)s %(message)s")
    async with SimulatedGemini(pace=_PACE, remember=0) as upstream:
        providers = settings.providers.model_copy(update={"gemini": ProviderSettings(upstream=upstream.origin)})
        settings = settings.model_copy(update={"providers": providers, "shutdown_grace": _GRACE})
        ready = asyncio.Event()
        supervisor = Supervisor(settings, on_ready=ready.set)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(supervisor.run())
                working = tasks.create_task(_work(settings, sessions, ready))
                serving.add_done_callback(lambda _: working.cancel())
                if leave:
                    working.add_done_callback(lambda _: supervisor.stop())
        except* CannotServe as group:
            raise Failed(str(group.exceptions[0])) from None


async def _work(settings: Settings, sessions: int, ready: asyncio.Event) -> None:
    from gemtap.demo.traffic import Agents

    await ready.wait()
    dashboard = f"http://{reachable_host(settings.host)}:{settings.dashboard_port}/"
    print(f"Agents are at work with a simulated Gemini API. See what they send: {dashboard}\n", flush=True)
    agents = Agents(address_of(settings), seed=1, pause=_PAUSE, on_turn=lambda turn: print(f"  {turn}", flush=True))
    await agents.work(sessions)
    print(
        f"\nThe agents are done, and the dashboard stays at {dashboard} until Ctrl-C.\n"
        "For your own client: end this, run `gemtap serve`, and `gemtap setup` shows how to point it there.",
        flush=True,
    )
