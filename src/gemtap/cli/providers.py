"""`gemtap providers`: the APIs that this installation knows, and those that the settings add."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from gemtap import __version__
from gemtap.cli.app import AsJson, Config, app, settings_of
from gemtap.cli.completion import one_of
from gemtap.cli.printing import console, harmless
from gemtap.cli.settings_file import add_table, remove_table
from gemtap.faults import not_one_of
from gemtap.providers.configured import SETTINGS
from gemtap.providers.documents import credential_for
from gemtap.providers.presets import PRESETS
from gemtap.providers.registry import FAULTS, ORIGINS, PROVIDERS, checked
from gemtap.settings import Providers, SettingsError, address_of
from gemtap.settings_loading import load_only

providers_app = typer.Typer(invoke_without_command=True)
app.add_typer(providers_app, name="providers")

_CONFIG: Final = Path("gemtap.toml")
_FREE: Final = "free"
"""In place of a maker: nothing is billed."""


@providers_app.callback()
def providers(context: typer.Context, as_json: AsJson = False, config: Config = None) -> None:
    """List the APIs that Gemtap knows, and their packages. Exit status 1 if a plug-in is unusable.

    Example: gemtap providers
    """
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    upstreams = settings_of({}, config).settings.providers.upstreams()
    found = [
        {
            "name": name,
            "title": provider.wire.title,
            "prefix": f"/{provider.wire.prefix}",
            "upstream": upstreams[name],
            "key": _variables(name),
            "package": ORIGINS[name].package,
            "version": _version(name),
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


@providers_app.command()
def add(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Lower-case letters, digits and underscores; the name of a preset is enough.",
            autocompletion=one_of(PRESETS),
        ),
    ],
    dialect: Annotated[
        str | None,
        typer.Option(metavar="API", help="The API that it speaks, such as openai.", autocompletion=one_of(PROVIDERS)),
    ] = None,
    upstream: Annotated[str | None, typer.Option(metavar="URL", help="Its base URL.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Take the rest from this well-known API.", autocompletion=one_of(PRESETS))
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="First segment of its paths. Default: NAME.")] = None,
    title: Annotated[str | None, typer.Option(help="Its display name.")] = None,
    prices: Annotated[str | None, typer.Option(metavar="MAKER", help="A provider in genai-prices, or free.")] = None,
    key: Annotated[str | None, typer.Option(metavar="VARIABLE", help="Variable with the key for replays.")] = None,
    config: Config = None,
) -> None:
    """Add an API that speaks another one's dialect to the settings file.

    Example: gemtap providers add groq

    Example: gemtap providers add lab --dialect openai --upstream http://localhost:9000/v1
    """
    path = config or context.obj or _CONFIG
    given = {
        "preset": preset or (name if name in PRESETS and dialect is None else None),
        "dialect": dialect,
        "upstream": upstream,
        "prefix": prefix,
        "title": title,
        "prices": prices,
        "key": key,
    }
    values = {field: value for field, value in given.items() if value is not None}
    _check(name, values)
    if prices is not None:
        _check_prices(prices)
    add_table(path, "providers", name, values)
    settings = settings_of({}, path).settings
    address = f"{address_of(settings)}/{settings.providers.definitions[name].prefix}"
    text = f"Added to {path}. Restart `gemtap serve`, and point clients at {address} instead of the API's own address."
    console().print(harmless(text), soft_wrap=True)


def _check(name: str, values: Mapping[str, str]) -> None:
    """Raises SettingsError for what `load` would not accept."""
    if name in Providers.model_fields:
        raise SettingsError(f"{name} is installed already: `gemtap providers` lists it.")
    load_only({"providers": {name: values}}, "flag")


def _check_prices(maker: str) -> None:
    """Raises SettingsError for a maker without prices: every cost would be unknown, and nothing would say why."""
    from gemtap.providers.prices import has_list, makers

    if maker != _FREE and not has_list(maker):
        raise SettingsError(f"Bad flag --prices: {not_one_of(maker, (_FREE, *makers()))}")


@providers_app.command()
def rm(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `gemtap providers` lists it.")],
    config: Config = None,
) -> None:
    """Remove an API from the settings file. Its interactions stay.

    Example: gemtap providers rm gateway
    """
    path = config or context.obj or _CONFIG
    remove_table(path, "providers", name)
    console().print(harmless(f"Removed from {path}. Restart `gemtap serve`."), soft_wrap=True)


def _version(name: str) -> str:
    """The version of the package; none for a provider of the settings."""
    origin = ORIGINS[name]
    return "" if origin == SETTINGS else origin.version or __version__


def _variables(name: str) -> str:
    """The environment variables that replays take a key from."""
    credential = credential_for(name, b"")
    return " or ".join(credential.variables) if credential is not None else ""


def _print(found: list[dict[str, str]], faults: list[dict[str, str]]) -> None:
    out = console()
    columns = {
        "name": [each["name"] for each in found],
        "API": [each["title"] for each in found],
        "paths": [each["prefix"] + "/..." for each in found],
        "upstream": [each["upstream"] for each in found],
        "key for replays": [each["key"] for each in found],
        "package": [f"{each['package']} {each['version']}".strip() for each in found],
    }
    if _width(columns) > out.width:
        # One variable in a line: nobody can use one that is cut.
        columns["key for replays"] = [each["key"].replace(" or ", " or\n") for each in found]
    for name in ("package", "API", "paths"):
        if _width(columns) > out.width:
            del columns[name]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=name != "upstream", overflow="fold")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text("\n").join(map(harmless, cell.split("\n"))) for cell in row))
    out.print(table)
    for fault in faults:
        text = f"{fault['name']} of {fault['package']} is unusable: {fault['reason']}. Update or uninstall the package."
        out.print(Text.assemble(harmless(text, "red")), soft_wrap=True)


def _width(columns: Mapping[str, Sequence[str]]) -> int:
    """The characters of a table with nothing cut."""
    lines = [[line for cell in (name, *cells) for line in cell.split("\n")] for name, cells in columns.items()]
    return sum(max(map(len, each)) for each in lines) + 2 * (len(columns) - 1)
