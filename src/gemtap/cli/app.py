"""Shared by all commands: the application, its errors, and reading the settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gemtap import __version__
from gemtap.cli.hidden_arguments import hide_passwords
from gemtap.settings import Loaded, SettingsError, load
from gemtap.store_kinds import FORMS

app = typer.Typer(
    name="gemtap",
    help="A transparent, local logging proxy for the Gemini API: every exchange kept, whole.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 it could not be done, 2 the command or a setting is wrong.",
)

Config = Annotated[
    Path | None, typer.Option("--config", envvar="GEMTAP_CONFIG", help="Settings file. Default: gemtap.toml, if any.")
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the spool and the embedded database.")]
StoreUrl = Annotated[str | None, typer.Option("--store", help=f"{FORMS}.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Failed(Exception):
    """The command failed. One line: why, and what to do."""


def settings_of(flags: dict[str, Any], config: Path | None) -> Loaded:
    """The settings, overridden by the command's flags."""
    return load(flags, config=config)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gemtap {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def register() -> None:
    """Register all commands, in the order of the help."""
    from gemtap.cli import serve, demo, setup, doctor, tail, reading, threads, statistics, annotating, exporting  # noqa: F401, I001
    from gemtap.cli import replaying, importing, pruning, checking, copying, health, providers  # noqa: F401


def main() -> None:
    """Run the command line. Errors are printed to stderr in one line."""
    hide_passwords()
    register()
    try:
        app()
    except SettingsError as exc:
        _fail(str(exc), 2)
    except Failed as exc:
        _fail(str(exc), 1)
    except BrokenPipeError:
        # `gemtap ls | head` is no error. Nothing more may be written, not even at exit.
        sys.stdout = None
        sys.exit(0)


def _fail(message: str, status: int) -> NoReturn:
    print(f"gemtap: {message}", file=sys.stderr)
    sys.exit(status)
