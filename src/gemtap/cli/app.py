"""Shared by all commands: the application, its errors, and reading the settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gemtap import __version__
from gemtap.addresses import has_password
from gemtap.settings import ENV_PREFIX, Loaded, SettingsError, load

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
StoreUrl = Annotated[str | None, typer.Option("--store", help="sqlite:///PATH or mongodb://HOST/DATABASE.")]
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


def without_passwords(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The arguments without addresses that have passwords, and the variables that say the same."""
    kept: list[str] = []
    variables: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        if flag not in ("--store", "--upstream"):
            kept.append(argument)
            continue
        following = None if equals else next(rest, None)
        value = value if equals else following or ""
        provider, _, url = value.partition("=") if flag == "--upstream" else ("", "", value)
        if has_password(url):
            name = f"PROVIDERS__{provider.upper()}__UPSTREAM" if provider else "STORE"
            variables[f"{ENV_PREFIX}{name}"] = url
        else:
            kept += [argument] if following is None else [argument, following]
    return kept, variables


def _hide_passwords() -> None:
    """Start anew with passwords in the environment: the command line can be read by every user of the machine."""
    arguments, variables = without_passwords(sys.argv[1:])
    if not variables:
        return
    print(
        f"gemtap: A password on the command line stays in the shell's history. Set {' and '.join(variables)} instead.",
        file=sys.stderr,
        flush=True,
    )
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    os.execve(sys.executable, [sys.executable, *before, *arguments], {**os.environ, **variables})  # noqa: S606


def main() -> None:
    """Run the command line. Errors are printed to stderr in one line."""
    _hide_passwords()
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
