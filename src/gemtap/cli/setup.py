"""`gemtap setup`: instructions for pointing a client at the proxy."""

from __future__ import annotations

import difflib
import json
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from gemtap.cli.app import AsJson, Config, Failed, app, settings_of
from gemtap.cli.printing import console
from gemtap.providers.client_setup import clients
from gemtap.settings import address_of

_PASTED_KEYS: Final = (
    "API keys never reach the disk, but prompts are stored as they are. redact_known_secrets = true in gemtap.toml "
    "removes keys that are pasted into them."
)


def _complete(beginning: str) -> list[str]:
    return [name for name in clients() if name.startswith(beginning)]


def _with_other_apis(client: str) -> list[str]:
    """The instructions for the same program with other APIs."""
    programs = {name: each.title.partition(" with ")[0] for name, each in clients().items()}
    return [name for name, program in programs.items() if name != client and program == programs[client]]


@app.command()
def setup(
    client: Annotated[
        str | None, typer.Argument(metavar="CLIENT", help="Default: list the clients.", autocompletion=_complete)
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Print how to set up a client.

    Example: gemtap setup cline
    """
    settings = settings_of({}, config).settings
    tap = address_of(settings)
    if client is None:
        if as_json:
            print(json.dumps({name: each.title for name, each in clients().items()}, ensure_ascii=False))
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, each in clients().items():
            table.add_row(f"gemtap setup {name}", Text(each.title, "dim"))
        console().print(table)
        if not settings.redact_known_secrets:
            console().print(Text(_PASTED_KEYS, "dim"))
        return
    if client not in clients():
        near = difflib.get_close_matches(client, clients(), n=1, cutoff=0.5)
        meant = f" Did you mean '{near[0]}'?" if near else ""
        raise Failed(f"Unknown client '{client}'.{meant} Known clients: {', '.join(clients())}.")
    instructions = clients()[client].for_tap(tap)
    if as_json:
        shown = {"title": instructions.title, "where": instructions.where, "lines": instructions.lines}
        print(json.dumps(shown | {"note": instructions.note}, ensure_ascii=False))
        return
    out = console()
    out.print(Text(instructions.title, "bold"))
    out.print(Text(instructions.where + ":", "dim"))
    for line in instructions.lines:
        # Printed without wrapping and markup, so that it can be copied.
        out.print(Text(f"  {line}"), soft_wrap=True)
    if instructions.note:
        out.print(Text(instructions.note, "dim"))
    others = _with_other_apis(client)
    if others:
        out.print(Text(f"With other APIs: {', '.join(f'gemtap setup {name}' for name in others)}", "dim"))
    if not settings.redact_known_secrets:
        out.print(Text(_PASTED_KEYS, "dim"))
