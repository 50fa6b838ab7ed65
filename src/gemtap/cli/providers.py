"""`gemtap providers`: the APIs that this installation knows."""

from __future__ import annotations

import json

import typer
from rich.table import Table
from rich.text import Text

from gemtap import __version__
from gemtap.cli.app import AsJson, app
from gemtap.cli.printing import console, harmless
from gemtap.providers.registry import FAULTS, ORIGINS, PROVIDERS


@app.command()
def providers(as_json: AsJson = False) -> None:
    """List the APIs that Gemtap knows, and the packages they come from. Exit status 1 if a plug-in is unusable.

    Example: gemtap providers
    """
    found = [
        {
            "name": name,
            "title": provider.wire.title,
            "prefix": f"/{provider.wire.prefix}",
            "upstream": provider.wire.upstream,
            "package": ORIGINS[name].package,
            "version": ORIGINS[name].version or __version__,
        }
        for name, provider in PROVIDERS.items()
    ]
    faults = [{"name": each.name, "package": each.origin.package, "reason": each.reason} for each in FAULTS]
    if as_json:
        print(json.dumps({"providers": found, "faults": faults}, ensure_ascii=False))
    else:
        _print(found, faults)
    if faults:
        raise typer.Exit(1)


def _print(found: list[dict[str, str]], faults: list[dict[str, str]]) -> None:
    out = console()
    table = Table("name", "API", "paths", "default upstream", "package", box=None, pad_edge=False)
    for each in found:
        package = f"{each['package']} {each['version']}"
        table.add_row(*map(harmless, (each["name"], each["title"], each["prefix"] + "/...", each["upstream"], package)))
    out.print(table)
    for fault in faults:
        text = f"{fault['name']} of {fault['package']} is left out: {fault['reason']}. Update or uninstall the package."
        out.print(Text.assemble(harmless(text, "red")), soft_wrap=True)
