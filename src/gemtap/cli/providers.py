"""`gemtap providers`: the APIs that this installation knows."""

from __future__ import annotations

import json

import typer
from rich.table import Table
from rich.text import Text

from gemtap import __version__
from gemtap.cli.app import AsJson, app
from gemtap.cli.printing import console, harmless
from gemtap.providers.documents import credential_for
from gemtap.providers.registry import FAULTS, ORIGINS, PROVIDERS, checked


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
            "key": _variables(name),
            "package": ORIGINS[name].package,
            "version": ORIGINS[name].version or __version__,
        }
        for name, provider in PROVIDERS.items()
    ]
    failing = [fault for provider in PROVIDERS.values() if (fault := checked(provider)) is not None]
    faults = [
        {"name": each.name, "package": each.origin.package, "reason": each.reason} for each in (*FAULTS, *failing)
    ]
    if as_json:
        print(json.dumps({"providers": found, "faults": faults}, ensure_ascii=False))
    else:
        _print(found, faults)
    if faults:
        raise typer.Exit(1)


def _variables(name: str) -> str:
    """The environment variables that replays take a key from."""
    credential = credential_for(name, b"")
    return " or ".join(credential.variables) if credential is not None else ""


def _print(found: list[dict[str, str]], faults: list[dict[str, str]]) -> None:
    out = console()
    table = Table("name", "API", "paths", "default upstream", "key for replays", "package", box=None, pad_edge=False)
    for each in found:
        package = f"{each['package']} {each['version']}"
        shown = (each["name"], each["title"], each["prefix"] + "/...", each["upstream"], each["key"], package)
        table.add_row(*map(harmless, shown))
    out.print(table)
    for fault in faults:
        text = f"{fault['name']} of {fault['package']} is unusable: {fault['reason']}. Update or uninstall the package."
        out.print(Text.assemble(harmless(text, "red")), soft_wrap=True)
