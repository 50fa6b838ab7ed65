"""Shared by all commands: the application, its errors, and reading the settings."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from typer.exceptions import TyperException

from gemtap import __version__
from gemtap.cli.hidden_arguments import hide_passwords
from gemtap.settings_error import SettingsError
from gemtap.store_kinds import FORMS

if TYPE_CHECKING:
    from gemtap.settings_loading import Loaded

_NAME: Final = "gemtap"

app = typer.Typer(
    name=_NAME,
    help="A transparent, local logging proxy for the Gemini API: it stores every request and response.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success, 1 failure, 2 invalid command line or setting.",
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
    """The settings, overridden by the command's flags. Their providers are registered."""
    from gemtap.providers.configured import register
    from gemtap.settings_loading import load

    loaded = load(flags, config=config)
    register(loaded.settings.providers.definitions)
    return loaded


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


COMMANDS: Final[Mapping[str, str]] = {
    "serve": "serve",
    "demo": "demo",
    "setup": "setup",
    "doctor": "doctor",
    "tail": "tail",
    "ls": "reading",
    "show": "showing",
    "open": "showing",
    "searches": "searches",
    "threads": "threads",
    "stats": "statistics",
    "tag": "annotating",
    "rate": "annotating",
    "note": "annotating",
    "export": "exporting",
    "replay": "replaying",
    "import": "importing",
    "prune": "pruning",
    "check": "checking",
    "repair": "checking",
    "copy": "copying",
    "health": "health",
    "providers": "providers",
    "keys": "keys",
    "limits": "limits",
    "ca": "ca",
    "run": "run",
}
"""The module of each command, in the order of the help."""


def register(argument: str | None = None) -> None:
    """Register the commands.

    If the first argument of the command line is a command, only its module is loaded, and none for `--version`: all of
    them take several times as long.
    """
    if argument == "--version":
        return
    only = COMMANDS.get(argument or "")
    for module in [only] if only is not None else dict.fromkeys(COMMANDS.values()):
        import_module(f"gemtap.cli.{module}")
    groups = [each.typer_instance for each in app.registered_groups if each.typer_instance is not None]
    for each in (app, *groups):
        for command in each.registered_commands:
            _unwrap(command.callback)
        if each.registered_callback is not None:
            _unwrap(each.registered_callback.callback)


def _unwrap(command: Callable[..., Any] | None) -> None:
    """Make each paragraph of a help text one line, for typer wraps lines and does not join them."""
    if command is not None and command.__doc__ is not None:
        paragraphs = inspect.cleandoc(command.__doc__).split("\n\n")
        command.__doc__ = "\n\n".join(" ".join(each.split()) for each in paragraphs)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its name, such as `providers add`; call `register` first."""
    import typer.main

    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        yield name, command
        for below, each in getattr(command, "commands", {}).items():
            yield f"{name} {below}", each


def main() -> None:
    """Run the command line. Errors are printed to stderr in one line."""
    hide_passwords()
    register(next(iter(sys.argv[1:]), None))
    try:
        # The status of `typer.Exit`, or None.
        sys.exit(app(prog_name=_NAME, standalone_mode=False))
    except TyperException as exc:
        from gemtap.cli.usage_errors import line_of

        if line := line_of(exc):
            _fail(line, exc.exit_code)
        sys.exit(exc.exit_code)
    except typer.Abort:
        _fail("Aborted.", 1)
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
